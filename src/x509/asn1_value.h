/*
** asn1_value.h -- what OpenSSL decoded, as Lua strings. All of it comes from
** the peer: bytes are taken with their length.
*/
#ifndef LUASSL_ASN1_VALUE_H
#define LUASSL_ASN1_VALUE_H

#include <openssl/asn1.h>

#include "base/compat.h"
#include "x509/scratch.h"

#define INVALID_VALUE "<invalid>"  /* in the place of what has a wrong form */

#pragma GCC visibility push(hidden)

/* The string's bytes as they are. [-0, +1, m] */
void asn1_value_push_bytes (lua_State *L, const ASN1_STRING *s);

/* The bytes in upper-case hexadecimal. [-0, +1, m] */
void asn1_value_push_hex (lua_State *L, const ASN1_STRING *s);

/* The string in UTF-8; 0: it is no text, and nothing is pushed.
** [-0, +0|1, m] */
int asn1_value_push_text (lua_State *L, Scratch *scratch,
                          const ASN1_STRING *s);

/* The long name of an object, or its dotted number. [-0, +1, m] */
void asn1_value_push_object (lua_State *L, const ASN1_OBJECT *object);

/* Its dotted number. [-0, +1, m] */
void asn1_value_push_oid (lua_State *L, const ASN1_OBJECT *object);

/* Its short name, as RFCs have it: "serverAuth"; nil: it has none.
** [-0, +1, m] */
void asn1_value_push_short_name (lua_State *L, const ASN1_OBJECT *object);

/* 1: the object's number is as long as X.509 lets one be, at most. */
int asn1_value_is_short (const ASN1_OBJECT *object);

/* DER, as a function of OpenSSL's encodes `value`. [-0, +1, m] */
void asn1_value_push_der (lua_State *L, const void *value,
                          int (*encode) (const void *, unsigned char **));

#pragma GCC visibility pop

#endif
