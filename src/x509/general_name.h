/*
** general_name.h -- GeneralNames as Lua values.
*/
#ifndef LUASSL_GENERAL_NAME_H
#define LUASSL_GENERAL_NAME_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/compat.h"
#include "x509/scratch.h"

#define NAMES_ADDRESS_MAX 40  /* of an address's text, its NUL included */

#pragma GCC visibility push(hidden)

/* The names as the reference has them, a list of {kind, value}.
** [-0, +1, m] */
void general_name_push_pairs (lua_State *L, Scratch *s,
                              const GENERAL_NAMES *names);

/* The names in full, a list of {kind=, value=, der= ...}. [-0, +1, m] */
void general_name_push_tables (lua_State *L, Scratch *s,
                               const GENERAL_NAMES *names);

/* "127.0.0.1", "FE80:0:0:0:0:0:0:1", or "<invalid>". */
void general_name_address (const ASN1_OCTET_STRING *ip, char *text);

/* The bytes of a DNS name, an e-mail address or a URI; NULL: it is none of
** them, or of a wrong form. */
const ASN1_IA5STRING *general_name_text (const GENERAL_NAME *name);

#pragma GCC visibility pop

#endif
