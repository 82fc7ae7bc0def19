/*
** general_name.h -- X.500 names and GeneralNames as Lua values.
*/
#ifndef LUASSL_GENERAL_NAME_H
#define LUASSL_GENERAL_NAME_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/compat.h"

#define NAMES_ADDRESS_MAX 40  /* of an address's text, its NUL included */

#pragma GCC visibility push(hidden)

/* A list of RDNs, each a list of {name, value}. [-0, +1, m] */
void general_name_push_dn (lua_State *L, const X509_NAME *dn);

/* 1: pushes the subject alternative names, a list of {kind, value}; else
** pushes nil: 0 there is no such extension, -1 it cannot be read.
** [-0, +1, m] */
int general_name_push_alternative (lua_State *L, const X509 *x509);

/* "127.0.0.1", "FE80:0:0:0:0:0:0:1", or "<invalid>". */
void general_name_address (const ASN1_OCTET_STRING *ip, char *text);

/* Registers the type that owns what OpenSSL decoded. [-0, +0, m] */
void general_name_open (lua_State *L);

#pragma GCC visibility pop

#endif
