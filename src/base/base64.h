/*
** base64.h -- base64 as PEM has it, by OpenSSL.
*/
#ifndef LUASSL_BASE64_H
#define LUASSL_BASE64_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Adds the bytes in lines of 64 characters, each with its newline: RFC 7468,
** 2. [-0, +?, m] */
void base64_add (luaL_Buffer *b, const unsigned char *bytes, size_t size);

/* Leaves a table of functions: encode(bytes), in lines; decode(text), nil
** unless it is, without lines, what encoding gives. [-0, +1, m] */
int base64_open (lua_State *L);

#pragma GCC visibility pop

#endif
