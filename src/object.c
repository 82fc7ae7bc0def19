/*
** object.c -- SSLObject: TLS over byte strings. The caller carries them:
** what arrived is fed, what has to leave is drained. No I/O, ever.
*/

#include <openssl/err.h>

#include "connection.h"
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
  lua_newtable(L);
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, UV_CONTEXT);
  copy_options(L, 2);
  lua_rawseti(L, -2, UV_OPTIONS);
  compat_setuservalue(L, 3);
  connection_options(L, &c->policy, 1, 2);
  lua_insert(L, 1);  /* the connection works on stack index 1 */
  name = connection_hostname_option(L, 3, &size);
  if (name != NULL && connection_set_name(L, c, name, size) > 0) return 2;
  if (connection_open(L, c) > 0) return 2;
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
static int object_feed (lua_State *L) {
  Connection *c = connection_check(L);
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
  if (c->hook.asked) size = feed_room(c, size);
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
static int object_drain (lua_State *L) {
  Connection *c = connection_check(L);
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
  if (!bytes_lend(&c->queue.out)) return luaL_error(L, "not enough memory");
  lua_pushlstring(L, (const char *)bytes_start(&c->queue.out), size);
  if (!bytes_settle(&c->queue.out, size))
    return luaL_error(L, "the connection was used in the middle of its own "
                      "drain");
  if (bytes_length(&c->queue.out) == 0) bytes_free(&c->queue.out);
  return 1;
}

/***
Ends the connection with close_notify, which `drain` still gives.
@function close
@treturn[1] integer 1
@treturn[2] nil
@treturn[2] SSLError inside a hook that cannot be suspended
*/
static int object_close (lua_State *L) {
  Connection *c = connection_check(L);
  if (c->hook.entered) return hooks_push_entered(L);
  if (c->hook.asked) hooks_forget(L, c);
  if (!c->closed) {
    connection_notify(c);
    errors_clear();
    c->closed = 1;
    connection_release(c);
  }
  lua_pushinteger(L, 1);
  return 1;
}

static int object_gc (lua_State *L) {
  Connection *c = connection_check(L);
  c->closed = 1;
  connection_finish(c);
  return 0;
}

static int object_tostring (lua_State *L) {
  Connection *c = connection_check(L);
  lua_pushfstring(L, "%s (%s): %p", compat_typename(OBJECT_T),
                  connection_state(c), (void *)c);
  return 1;
}

int object_open (lua_State *L) {
  static const luaL_Reg methods[] = {
    {"close", object_close},
    {"drain", object_drain},
    {"feed", object_feed},
    {NULL, NULL}
  };
  static const luaL_Reg metamethods[] = {
    {"__close", object_close},
    {"__gc", object_gc},
    {"__tostring", object_tostring},
    {NULL, NULL}
  };
  lua_newtable(L);
  compat_newtype(L, OBJECT_T);
  transfer_methods(L);
  facts_methods(L);
  lua_pushvalue(L, -2);
  compat_setfuncs(L, methods, 1);
  lua_setfield(L, -3, "methods");
  lua_pushvalue(L, -1);
  compat_setfuncs(L, metamethods, 1);
  lua_pop(L, 1);
  lua_pushcfunction(L, object_wrap);
  lua_setfield(L, -2, "wrap");
  return 1;
}
