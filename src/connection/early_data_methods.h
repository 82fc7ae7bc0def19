/*
** early_data_methods.h -- how a program reads and writes early data.
*/
#ifndef LUASSL_EARLY_DATA_METHODS_H
#define LUASSL_EARLY_DATA_METHODS_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

void early_data_methods (lua_State *L, int metatable, int shared);

#pragma GCC visibility pop

#endif
