/*
** distinguished_name.h -- X.500 names as Lua values.
*/
#ifndef LUASSL_DISTINGUISHED_NAME_H
#define LUASSL_DISTINGUISHED_NAME_H

#include <openssl/x509.h>

#include "base/compat.h"
#include "x509/scratch.h"

#pragma GCC visibility push(hidden)

/* A list of RDNs, each a list of {name, value}. [-0, +1, m] */
void distinguished_name_push (lua_State *L, const X509_NAME *dn);

/* The same where the caller has room and looks at the queue. [-0, +1, m] */
void distinguished_name_push_with (lua_State *L, Scratch *s,
                                   const X509_NAME *dn);

/* A list of all attributes, {oid=, name=, value=, bytes=, rdn=}. [-0, +1, m] */
void distinguished_name_push_tables (lua_State *L, const X509_NAME *dn);

/* In one line of ASCII, by the flags of X509_NAME_print_ex(3); 0: pushes
** nothing, OpenSSL cannot, or an attribute's type is too long.
** [-0, +0|1, m] */
int distinguished_name_push_text (lua_State *L, const X509_NAME *dn,
                                  unsigned long flags);

#pragma GCC visibility pop

#endif
