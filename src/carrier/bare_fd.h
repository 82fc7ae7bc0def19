/*
** bare_fd.h -- SSLSockets over descriptors that no LuaSocket object had.
*/
#ifndef LUASSL_BARE_FD_H
#define LUASSL_BARE_FD_H

#include "base/compat.h"

#pragma GCC visibility push(hidden)

/* Adds the primitives wrap_fd, wait_client and take_client of socket.lua to
** the table at the top. [-0, +0, m] */
void bare_fd_primitives (lua_State *L);

#pragma GCC visibility pop

#endif
