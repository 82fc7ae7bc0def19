/*
** certificate_names.h -- whose certificate it is, and for what names.
*/
#ifndef LUASSL_CERTIFICATE_NAMES_H
#define LUASSL_CERTIFICATE_NAMES_H

#include <openssl/x509.h>

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Writes the names that `x509` is valid for, "localhost, 127.0.0.1", into
** `text`, cut to `size` with "..."; no common name. */
void certificate_names (X509 *x509, char *text, size_t size);

/* The reference's table: subject, notAfter, subjectAltName. [-0, +1, m] */
void certificate_names_push_reference (lua_State *L, X509 *x509);

extern const luaL_Reg certificate_names_methods[];

#pragma GCC visibility pop

#endif
