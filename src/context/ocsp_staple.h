/*
** ocsp_staple.h -- the OCSP responses that a server shows with its
** certificates, and whether a client asks for one.
*/
#ifndef LUASSL_OCSP_STAPLE_H
#define LUASSL_OCSP_STAPLE_H

#include "context/context_options.h"
#include "x509/ocsp_response.h"

/* A response that belongs to a certificate, and what it says. */
typedef struct Staple {
  OcspFacts facts;
  size_t size;
  unsigned char der[];
} Staple;

#pragma GCC visibility push(hidden)

/* Reads the option ocsp, and raises where it cannot be. [-0, +0, v] */
void ocsp_staple_read (lua_State *L, int options, Settings *settings);

/* Gives each certificate of `ctx` the response that the option ocsp_response
** has for it: 1, or 0 with nil and an error. [-0, +?, e] */
int ocsp_staple_use (lua_State *L, SSL_CTX *ctx, int options, Policy *policy);

/* That of a certificate, borrowed; NULL: it has none. */
const Staple *ocsp_staple_of (const X509 *x509);

/* 1: by its dates it can be shown at that time. */
int ocsp_staple_is_of (const Staple *staple, time_t now);

#pragma GCC visibility pop

#endif
