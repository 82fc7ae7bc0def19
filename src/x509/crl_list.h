/*
** crl_list.h -- certificate revocation lists from strings.
*/
#ifndef LUASSL_CRL_LIST_H
#define LUASSL_CRL_LIST_H

#include <openssl/x509.h>

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* An empty list, which a userdata that is pushed owns. [-0, +1, m] */
STACK_OF(X509_CRL) *crl_list_new (lua_State *L);

/* Adds those in the string at `index`, in PEM, one at least, or in DER: 1;
** 0: pushes nil and an error about `operation`. [-0, +0|2, m] */
int crl_list_add (lua_State *L, STACK_OF(X509_CRL) *list, int index,
                  const char *operation);

#pragma GCC visibility pop

#endif
