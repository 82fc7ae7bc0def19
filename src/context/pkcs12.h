/*
** pkcs12.h -- certificate, chain and key in one PKCS#12 file or string.
*/
#ifndef LUASSL_PKCS12_H
#define LUASSL_PKCS12_H

#include "context/pem.h"

#pragma GCC visibility push(hidden)

/* Takes certificates and key out of what `m` holds, with the option password.
** What fails pushes nil and an error and returns 0. [-0, +?, e] */
int pkcs12_read (lua_State *L, Material *m, int options);

/* Registers a type. [-0, +0, m] */
void pkcs12_open (lua_State *L);

#pragma GCC visibility pop

#endif
