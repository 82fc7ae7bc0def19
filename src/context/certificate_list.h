/*
** certificate_list.h -- certificates from strings and lists.
*/
#ifndef LUASSL_CERTIFICATE_LIST_H
#define LUASSL_CERTIFICATE_LIST_H

#include <openssl/x509.h>

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* An empty list, which a userdata that is pushed owns. [-0, +1, m] */
STACK_OF(X509) *certificate_list_new (lua_State *L);

/* What is wrong with the value at `index`, a static text; NULL: it is a
** string, a Certificate or a list of them. */
const char *certificate_list_problem (lua_State *L, int index);

/* Adds what the value at `index`, which was checked, holds: of a string the
** certificates, in PEM or DER, one at least. 1; or 0: pushes nil and an
** error. [-0, +0|2, m] */
int certificate_list_add (lua_State *L, STACK_OF(X509) *list, int index,
                          const char *operation);

/* load_certificates, for Lua. */
int certificate_list_load (lua_State *L);

#pragma GCC visibility pop

#endif
