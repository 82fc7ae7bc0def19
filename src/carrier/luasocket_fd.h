/*
** luasocket_fd.h -- a descriptor between a LuaSocket object and us: one of the
** two owns it, whatever raises. `index` is the object's, absolute.
*/
#ifndef LUASSL_LUASOCKET_FD_H
#define LUASSL_LUASOCKET_FD_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* The object's descriptor, -1: none. [-0, +0, m] */
int luasocket_fd_get (lua_State *L, int index);

/* Gives the object the descriptor, or -1; raises only when it has not.
** [-0, +0, m] */
void luasocket_fd_set (lua_State *L, int index, int fd);

/* Calls the method whose name and arguments are above `index` while the object
** has the descriptor; raises what it raises. How many results are on the top.
** [-n, +results, m] */
int luasocket_fd_lend (lua_State *L, int index, int fd);

#pragma GCC visibility pop

#endif
