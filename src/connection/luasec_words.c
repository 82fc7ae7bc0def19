/*
** luasec_words.c -- what a connection under LuaSec's names answers: strings for
** errors, in OpenSSL's words where there are any, and never "timeout".
*/

#include <string.h>

#include "connection/luasec_words.h"

/* An SSLError's own: programs look for OpenSSL's reasons. */
static void push_reason (lua_State *L, int error) {
  lua_pushliteral(L, "kind");
  lua_rawget(L, error);
  if (lua_type(L, -1) == LUA_TSTRING
      && strcmp(lua_tostring(L, -1), "eof") == 0) {
    lua_pushliteral(L, "unexpected eof while reading");
    return;
  }
  lua_pushliteral(L, "reason");
  lua_rawget(L, error);
  if (lua_type(L, -1) == LUA_TSTRING) return;
  lua_pushliteral(L, "text");
  lua_rawget(L, error);
}

/* LuaSec has no condition for a time that is up, and none for a handshake that
** has not been done. */
static void translate_condition (lua_State *L, const Connection *c) {
  if (strcmp(lua_tostring(L, -1), "timeout") != 0) return;
  lua_pop(L, 1);
  if (c->want & WANT_READ) lua_pushliteral(L, "wantread");
  else lua_pushliteral(L, "wantwrite");
}

void luasec_words_error (lua_State *L, const Connection *c) {
  int error = lua_gettop(L);
  luaL_checkstack(L, 4, "error");
  switch (lua_type(L, error)) {
    case LUA_TSTRING:
      translate_condition(L, c);
      return;
    case LUA_TLIGHTUSERDATA:
      lua_pushliteral(L, "closed");
      break;
    case LUA_TTABLE:
      push_reason(L, error);
      break;
    default: return;
  }
  if (lua_isnil(L, -1)) lua_settop(L, error);
  else {
    lua_replace(L, error);
    lua_settop(L, error);
  }
}

int luasec_words_results (lua_State *L, const Connection *c, int n) {
  int error = lua_gettop(L) - n + 2;
  if (n < 2 || lua_toboolean(L, error - 1)) return n;
  lua_pushvalue(L, error);
  luasec_words_error(L, c);
  lua_replace(L, error);
  return n;
}
