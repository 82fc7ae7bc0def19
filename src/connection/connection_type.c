/*
** connection_type.c -- what makes a userdata type one of connections.
*/

#include "connection/channel_binding.h"
#include "connection/closure.h"
#include "connection/connection_type.h"
#include "connection/chains.h"
#include "connection/connection_info.h"
#include "connection/early_data_methods.h"
#include "connection/lifetime.h"
#include "connection/negotiated.h"
#include "connection/ocsp_status.h"
#include "connection/post_handshake_methods.h"
#include "connection/transfer.h"

/* Leaves the method table; the metatable is in the registry. */
void connection_type_open (lua_State *L, const char *name,
                           const Method *methods, const Method *metamethods) {
  int metatable = lua_gettop(L) + 1, shared = metatable + 2;
  compat_newtype(L, name);
  method_push_shared(L);
  lua_pushvalue(L, metatable + 1);
  transfer_methods(L, metatable, shared);
  connection_info_methods(L, metatable, shared);
  chains_methods(L, metatable, shared);
  negotiated_methods(L, metatable, shared);
  ocsp_status_methods(L, metatable, shared);
  channel_binding_methods(L, metatable, shared);
  early_data_methods(L, metatable, shared);
  closure_methods(L, metatable, shared);
  post_handshake_methods(L, metatable, shared);
  method_add(L, methods, metatable, shared);
  lua_pushvalue(L, metatable);
  method_add(L, metamethods, metatable, shared);
  lua_pushvalue(L, metatable);
  lua_pushcclosure(L, lifetime_gc, 1);
  lua_setfield(L, -2, "__gc");
  lua_settop(L, metatable + 1);
  lua_remove(L, metatable);
}
