/*
** hostname.h -- the name a client asks for and a certificate must hold.
*/
#ifndef LUASSL_HOSTNAME_H
#define LUASSL_HOSTNAME_H

#include <stddef.h>

#include <openssl/ssl.h>

#define HOSTNAME_MAX 253  /* RFC 1035, 2.3.4, without the trailing dot */

typedef struct Hostname {
  char text[HOSTNAME_MAX + 1];
  int is_address;
} Hostname;

#pragma GCC visibility push(hidden)

/* 1: `hostname` is filled, without a trailing dot or an IPv6 zone;
** 0: `*why` says what is wrong and what to do, a static text. */
int hostname_parse (const char *name, size_t size, Hostname *hostname,
                    const char **why);

/* Sets the name that verification must find: where OpenSSL finds none,
** hostname_matches has the last word. 0: see the error queue. */
int hostname_ask (const Hostname *hostname, X509_VERIFY_PARAM *param);

/* Sets SNI, unless it is an address; 0: see the error queue. */
int hostname_send (SSL *ssl, const Hostname *hostname);

/* 1: the certificate is valid for the name. May leave entries in the error
** queue. */
int hostname_matches (const Hostname *hostname, X509 *x509);

/* The same for `hostname` or one of the `more` that stand behind it. */
int hostname_matches_any (const Hostname *hostname, int more, X509 *x509);

#pragma GCC visibility pop

#endif
