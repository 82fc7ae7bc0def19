/*
** settings.h -- the options of an SSLContext. `options` is an absolute index.
*/
#ifndef LUASSL_SETTINGS_H
#define LUASSL_SETTINGS_H

#include "context.h"

enum { SSLV2, SSLV3, SSLV23, TLSV1, TLSV1_1, TLSV1_2, TLSV1_3 };

/* What the options say, with the defaults. Strings are the options'. */
typedef struct Settings {
  Policy policy;
  int minimum, maximum;   /* TLS1_VERSION and so on; 0: OpenSSL's */
  int ssl_version;        /* the enum above; -1: not given */
  int has_minimum;        /* it was given, in one way or the other */
  int system_trust;
  int own_trust;          /* ca_certs, ca_path or ca_data */
  const char *ciphers, *ciphersuites, *groups, *sigalgs;
  int alpn_strict;
  int session_cache;
  int num_tickets;        /* -1: OpenSSL's default */
  size_t protocols_size;  /* of alpn_protocols on the wire */
} Settings;

#pragma GCC visibility push(hidden)

/* Raises for names that are neither a context's options nor in the NULL-ended
** list `more`, which may be NULL. */
void settings_check (lua_State *L, int options, const char *const *more);

/* Copies what is set in the options at `from` into the table `to`, where it
** replaces what it excludes. */
void settings_merge (lua_State *L, int from, int to);

/* Raises for wrong types, values and combinations. */
void settings_read (lua_State *L, int options, Settings *settings);

/* Writes the defaults that hold into the options. */
void settings_write (lua_State *L, int options, const Settings *settings);

/* The option linger, at most 5 seconds; `absent`: it is not given. */
double settings_linger (lua_State *L, int options, double absent);

/* "TLSv1.2"; NULL: no version that has a name here. */
const char *settings_version_name (int value);

#pragma GCC visibility pop

#endif
