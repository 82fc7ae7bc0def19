/*
** sslobject.c -- SSLObject: TLS over byte strings. The caller carries them:
** what arrived is fed, what has to leave is drained. No I/O, ever.
*/

#include <string.h>

#include <openssl/err.h>

#include "connection/closure.h"
#include "connection/connection_type.h"
#include "connection/decision.h"
#include "base/errors.h"
#include "connection/lifetime.h"
#include "carrier/sslobject.h"
#include "connection/opening.h"
#include "connection/outcome.h"

/***
TLS without a transport: `feed` it what arrived, `drain` what has to be sent. It
is made by `SSLContext:wrap_object`. Methods never wait: they answer
`"wantread"` until more was fed.
@classmod SSLObject
@group Ciphertext
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

/***
Makes a connection without a transport: the program feeds it what arrives and
sends what it drains. The handshake begins with the first method that needs it.
@function wrap_object
@page SSLContext
@group Methods
@tparam[opt] table options those of a connection
@options connection
@treturn[1] SSLObject
@treturn[2] nil
@treturn[2] SSLError a failure
@raise on wrong types, unknown options, and `check_hostname` without a name
@source SSL_new(3), BIO_s_mem(3); Python 3.5, SSLContext.wrap_bio
@usage local object = assert(context:wrap_object {
  server_hostname = "example.com" })
object:do_handshake()           --> nil, "wantread"
transport:send(object:drain())  -- the ClientHello
*/
static int object_wrap (lua_State *L) {
  Connection *c;
  context_check(L, 1);
  lua_settop(L, 2);
  c = lua_newuserdata(L, sizeof(*c));
  connection_init(c, NULL, lifetime_close);
  luaL_getmetatable(L, OBJECT_T);
  lua_setmetatable(L, 3);
  lua_createtable(L, UV_LAST, 0);
  copy_options(L, 2);
  lua_rawseti(L, -2, UV_OPTIONS);
  compat_setuservalue(L, 3);
  if (opening_wrap(L, c, 2, 1) > 0) return 2;
  c->carried = 1;
  return 1;
}

static int is_text (lua_State *L, int index, const char *text) {
  size_t size;
  const char *value;
  if (lua_type(L, index) != LUA_TSTRING) return 0;
  value = lua_tolstring(L, index, &size);
  return size == strlen(text) && memcmp(value, text, size) == 0;
}

/* The error at index 3, but a string with which methods say how an operation
** stands: from them it would be taken for that. */
static void check_error (lua_State *L) {
  if (!is_text(L, 3, "timeout") && !is_text(L, 3, "wantread")
      && !is_text(L, 3, "wantwrite")) return;
  errors_text(L, ERROR_T, "feed", "transport", "the transport failed: %s",
              lua_tostring(L, 3));
  lua_pushvalue(L, 3);
  lua_setfield(L, -2, "cause");
  lua_replace(L, 3);
}

/* The end of the transport, or at index 3 what it failed with. "closed" is
** every transport's word for its end. */
static int feed_end (lua_State *L, Connection *c) {
  lua_settop(L, 3);
  check_error(L);
  lua_settop(L, 3);
  c->bio.ended = 1;
  c->broken = !lua_isnil(L, 3) && !is_text(L, 3, "closed");
  compat_getuservalue(L, 1);
  lua_insert(L, 3);
  lua_rawseti(L, 3, UV_BROKEN);  /* no new index: this raises nothing */
  lua_pushinteger(L, 0);
  return 1;
}

/***
Takes ciphertext that arrived, or the transport's end. What was fed and not
consumed is 128 KiB at most: give what was not taken again, behind a call that
reads. Who feeds and reads in turn always gets on.
@function feed
@tparam string|nil bytes nil: the transport has ended, nothing comes any more
@tparam[opt] any err with nil, anything but false: the transport has failed.
Methods that would meet the end answer nil and this very value, behind what came
before it; nothing makes a clean end of it. `"closed"` is the end and no error;
`"timeout"`, `"wantread"` and `"wantwrite"`, which read like conditions, come in
an SSLError of kind `transport`, field `cause`
@treturn[1] integer bytes taken, 0 when there is no room
@treturn[2] nil
@treturn[2] string|SSLError `"closed"`, also behind the end (behind an error
`err`); out of memory
@raise when `bytes` is neither, or `err` is false
@usage local bytes = transport:receive()
local taken = object:feed(bytes)  -- what was not taken: feed it later
*/
static int object_feed (lua_State *L, Connection *c) {
  size_t size, room = bio_room(&c->bio);
  const char *bytes;
  luaL_checkany(L, 2);
  luaL_argcheck(L, !lua_isnil(L, 2) || lua_isnoneornil(L, 3)
                   || lua_toboolean(L, 3), 3, "false is no error");
  if (c->broken && !c->closed) return outcome_push_broken(L, c, "feed");
  if (c->closed || c->bio.ended) return errors_condition(L, "closed");
  if (lua_isnil(L, 2)) return feed_end(L, c);
  bytes = luaL_checklstring(L, 2, &size);
  if (size > room) size = room;
  if (!bio_feed(&c->bio, bytes, size)) {
    errors_clear();
    return errors_text(L, ERROR_T, "feed", "memory", "out of memory");
  }
  lua_pushinteger(L, (lua_Integer)size);
  return 1;
}

/***
How much ciphertext waits.
@function buffered
@treturn integer bytes that were fed and not consumed
@treturn integer bytes for `drain`
@usage local unread, unsent = object:buffered()
*/
static int object_buffered (lua_State *L, Connection *c) {
  lua_pushinteger(L, (lua_Integer)buffer_length(&c->bio.in));
  lua_pushinteger(L, (lua_Integer)buffer_length(&c->bio.out));
  return 2;
}

/***
Gives ciphertext that has to be sent; after `close` too, for its close_notify.
@function drain
@tparam[opt] integer max most bytes to give
@treturn[1] string bytes
@treturn[2] nil when there is nothing
@raise when `max` is below 1
@usage local bytes = object:drain()
if bytes then transport:send(bytes) end
*/
static int object_drain (lua_State *L, Connection *c) {
  size_t size = buffer_length(&c->bio.out);
  if (!lua_isnoneornil(L, 2)) {
    lua_Integer max = luaL_checkinteger(L, 2);
    luaL_argcheck(L, max >= 1, 2, "must be at least 1");
    if ((size_t)max < size) size = (size_t)max;
  }
  if (size == 0) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushlstring(L, (const char *)buffer_start(&c->bio.out), size);
  buffer_consume(&c->bio.out, size);
  if (buffer_length(&c->bio.out) == 0) buffer_free(&c->bio.out);
  return 1;
}

/***
Ends the connection with close_notify, which `drain` still gives.
@function close
@group Ending
@treturn integer 1
@usage object:close()
transport:send(object:drain() or "")
*/
static int object_close (lua_State *L, Connection *c) {
  if (c->decision.hook_running) decision_forget(L, c);
  lifetime_close(L, c);
  lua_pushinteger(L, 1);
  return 1;
}

/***
Ends TLS in both directions: says close_notify, which `drain` gives, and waits
for the peer's. Then the connection is closed.
@function unwrap
@group Ending
@treturn[1] string clear text that was fed with the peer's end of TLS, "" as a
rule; what `feed` has not taken comes behind it
@treturn[2] nil
@treturn[2] string|SSLError `"wantread"` or `"wantwrite"` (call again),
`"closed"`, or a failure; with kind `"unread_data"` receive first, then call
again
@source RFC 8446, 6.1
@usage local leftover, err = object:unwrap()
transport:send(object:drain() or "")
*/
static int object_unwrap (lua_State *L, Connection *c) {
  int n = closure_unwrap(L, c);
  if (n == 1) lifetime_close(L, c);
  return n;
}

static int object_tostring (lua_State *L, Connection *c) {
  lua_pushfstring(L, "%s (%s): %p", compat_typename(OBJECT_T),
                  connection_state(c), (void *)c);
  return 1;
}

int sslobject_open (lua_State *L) {
  static const First first = { 2, 3, 1, NULL };
  static const Method methods[] = {
    {"buffered", object_buffered, TELLS, NULL},
    {"close", object_close, CLOSES, NULL},
    {"drain", object_drain, CHANGES, NULL},
    {"feed", object_feed, CHANGES, NULL},
    {"unwrap", object_unwrap, CHANGES, &first},
    {NULL, NULL, CHANGES, NULL}
  };
  static const Method metamethods[] = {
    {"__close", object_close, CLOSES, NULL},
    {"__tostring", object_tostring, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  lua_newtable(L);
  connection_type_open(L, OBJECT_T, methods, metamethods);
  lua_setfield(L, -2, "methods");
  lua_pushcfunction(L, object_wrap);
  lua_setfield(L, -2, "wrap");
  return 1;
}
