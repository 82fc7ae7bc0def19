/*
** certificate.h -- Certificate userdata: what others do with one.
*/
#ifndef LUASSL_CERTIFICATE_H
#define LUASSL_CERTIFICATE_H

#include <openssl/x509.h>

#include "base/compat.h"

#define CERTIFICATE_T "luassl.Certificate"

#pragma GCC visibility push(hidden)

/* A Certificate without one: owns what is put where it points. [-0, +1, m] */
X509 **certificate_new (lua_State *L);

/* A Certificate that shares `x509`; raises without memory. [-0, +1, m] */
void certificate_push (lua_State *L, X509 *x509);

/* The chain as a list of them; NULL: an empty one. [-0, +1, m] */
void certificate_push_list (lua_State *L, STACK_OF(X509) *chain);

/* The certificate's DER bytes. [-0, +1, m] */
void certificate_push_der (lua_State *L, X509 *x509);

/* The certificate in PEM; `trust`: with OpenSSL's trust settings, if it has
** some, which make it a TRUSTED CERTIFICATE. [-0, +1, m] */
void certificate_push_pem (lua_State *L, X509 *x509, int trust);

/* The certificate at `index`, borrowed; anything else raises. */
X509 *certificate_check (lua_State *L, int index);

/* The same; NULL for anything else. */
X509 *certificate_test (lua_State *L, int index);

/* The index in `forms`, NULL-ended, of the string that is an argument, 0 if
** there is none; any other raises, and is not quoted. */
int certificate_check_form (lua_State *L, int index,
                            const char *const *forms);

/* For __gc. */
int certificate_gc (lua_State *L);

#pragma GCC visibility pop

#endif
