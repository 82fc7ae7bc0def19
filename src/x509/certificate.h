/*
** certificate.h -- Certificate userdata, and the reference's getpeercert.
*/
#ifndef LUASSL_CERTIFICATE_H
#define LUASSL_CERTIFICATE_H

#include <openssl/x509.h>

#include "base/compat.h"

#define CERTIFICATE_T "luassl.Certificate"

#pragma GCC visibility push(hidden)

/* A Certificate without one: owns what is put where it points. [-0, +1, m] */
X509 **certificate_new (lua_State *L);

/* The reference's table: subject, notAfter, subjectAltName. [-0, +1, m] */
void certificate_push_reference (lua_State *L, X509 *x509);

/* The certificate's DER bytes. [-0, +1, m] */
void certificate_push_der (lua_State *L, X509 *x509);

/* The certificate in PEM; `trust`: with OpenSSL's trust settings, if it has
** some, which make it a TRUSTED CERTIFICATE. [-0, +1, m] */
void certificate_push_pem (lua_State *L, X509 *x509, int trust);

/* The certificate at `index`, borrowed; anything else raises. */
X509 *certificate_check (lua_State *L, int index);

/* Writes the names that `x509` is valid for, "localhost, 127.0.0.1", into
** `text`, cut to `size` with "..."; no common name. */
void certificate_names (X509 *x509, char *text, size_t size);

/* Registers the type; leaves a table with `methods`. [-0, +1, m] */
int certificate_open (lua_State *L);

#pragma GCC visibility pop

#endif
