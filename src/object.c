/*
** object.c -- SSLObject: TLS over byte strings. The caller carries them:
** what arrived is fed, what has to leave is drained. No I/O, ever.
*/

#include <openssl/err.h>

#include "entry.h"
#include "errors.h"
#include "hooks.h"
#include "object.h"

#define HELD_MAX ((size_t)128 << 10)

/***
TLS without a transport: `feed` it what arrived, `drain` what has to be sent.
@classmod SSLObject
*/

/* Pushes a copy of the options: they hold for the connection's life. */
static void copy_options (lua_State *L, int options) {
  if (!lua_istable(L, options)) {
    lua_pushnil(L);
    return;
  }
  lua_newtable(L);
  for (lua_pushnil(L); lua_next(L, options) != 0; ) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

/* ctx:wrap_object{...} */
static int object_wrap (lua_State *L) {
  Connection *c;
  size_t size = 0;
  Policy policy;
  const char *name = NULL;
  context_check(L, 1, &policy);
  lua_settop(L, 2);
  c = lua_newuserdata(L, sizeof(*c));
  connection_init(c, NULL);
  luaL_getmetatable(L, OBJECT_T);
  lua_setmetatable(L, 3);
  lua_createtable(L, UV_LAST, 0);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, UV_CONTEXT);
  copy_options(L, 2);
  lua_rawseti(L, -2, UV_OPTIONS);
  compat_setuservalue(L, 3);
  connection_options(L, &c->policy, 1, 2);
  lua_insert(L, 1);  /* the connection works on stack index 1 */
  name = connection_hostname_option(L, 3, &size);
  if (name != NULL && connection_read_name(L, &c->name, name, size) > 0)
    return 2;
  if (connection_open(L, c, &c->name) > 0) return 2;
  lua_settop(L, 1);
  return 1;
}

/* What still fits in while a hook runs and nobody reads. */
static size_t feed_room (const Connection *c, size_t size) {
  size_t held = bytes_length(&c->queue.in);
  size_t room = held < HELD_MAX ? HELD_MAX - held : 0;
  return size < room ? size : room;
}

/***
Takes ciphertext that arrived.
@function feed
@tparam string|nil bytes nil: the transport has ended, nothing comes any more
@treturn[1] integer bytes taken: all; while a hook decides, as many as make
128 KiB that wait
@treturn[2] nil
@treturn[2] string|SSLError `"closed"`, also behind the end; out of memory
@raise when `bytes` is neither
*/
static int object_feed (lua_State *L, Connection *c) {
  size_t size;
  const char *bytes;
  luaL_checkany(L, 2);
  if (c->closed || c->queue.ended) return errors_condition(L, "closed");
  if (lua_isnil(L, 2)) {
    c->queue.ended = 1;
    lua_pushinteger(L, 0);
    return 1;
  }
  bytes = luaL_checklstring(L, 2, &size);
  if (c->decision.asked) size = feed_room(c, size);
  if (!queue_feed(&c->queue, bytes, size)) {
    errors_clear();
    return errors_text(L, ERROR_T, "feed", "memory", "out of memory");
  }
  lua_pushinteger(L, (lua_Integer)size);
  return 1;
}

/***
Gives ciphertext that has to be sent; after `close` too, for its close_notify.
@function drain
@tparam[opt] integer max most bytes to give
@treturn[1] string bytes
@treturn[2] nil when there is nothing
@raise when `max` is below 1
*/
static int object_drain (lua_State *L, Connection *c) {
  size_t size = bytes_length(&c->queue.out);
  if (!lua_isnoneornil(L, 2)) {
    lua_Integer max = luaL_checkinteger(L, 2);
    luaL_argcheck(L, max >= 1, 2, "must be at least 1");
    if ((size_t)max < size) size = (size_t)max;
  }
  if (size == 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushlstring(L, (const char *)bytes_start(&c->queue.out), size);
  bytes_consume(&c->queue.out, size);
  if (bytes_length(&c->queue.out) == 0) bytes_free(&c->queue.out);
  return 1;
}

/***
Ends the connection with close_notify, which `drain` still gives.
@function close
@treturn integer 1
*/
static int object_close (lua_State *L, Connection *c) {
  if (c->decision.asked) hooks_forget(L, c);
  connection_close(L, c);
  lua_pushinteger(L, 1);
  return 1;
}

static int object_tostring (lua_State *L, Connection *c) {
  lua_pushfstring(L, "%s (%s): %p", compat_typename(OBJECT_T),
                  connection_state(c), (void *)c);
  return 1;
}

int object_open (lua_State *L) {
  static const Method methods[] = {
    {"close", object_close, CLOSES, NULL},
    {"drain", object_drain, CHANGES, NULL},
    {"feed", object_feed, CHANGES, NULL},
    {NULL, NULL, CHANGES, NULL}
  };
  static const Method metamethods[] = {
    {"__close", object_close, CLOSES, NULL},
    {"__tostring", object_tostring, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  lua_newtable(L);
  entry_open_type(L, OBJECT_T, methods, metamethods);
  lua_setfield(L, -2, "methods");
  lua_pushcfunction(L, object_wrap);
  lua_setfield(L, -2, "wrap");
  return 1;
}
