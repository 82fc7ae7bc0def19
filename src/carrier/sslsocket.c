/*
** sslsocket.c -- SSLSocket: one TLS connection over the descriptor of a
** LuaSocket object. Until a connection is attached, and for listening, the
** LuaSocket object stays whole in the uservalue and socket.lua works on it.
*/

#include <errno.h>
#include <math.h>
#include <string.h>

#include "connection/closure.h"
#include "connection/connection_type.h"
#include "connection/decision.h"
#include "base/errors.h"
#include "connection/lifetime.h"
#include "carrier/luasocket_fd.h"
#include "connection/opening.h"
#include "connection/outcome.h"
#include "context/options.h"
#include "carrier/sslsocket.h"
#include "base/fd_io.h"

/***
A TLS connection that is used like a LuaSocket TCP object. It is made by
`ssl.connect`, `ssl.wrap_socket`, `SSLContext:wrap_socket` and, of a client that
came, by `accept`.
@classmod SSLSocket
@group The socket
*/

/* ---- what carries a connection ---- */

static ptrdiff_t link_receive (void *self, void *bytes, size_t size,
                               void *more, size_t room) {
  return fd_receive(((Socket *)self)->fd, bytes, size, more, room);
}

static ptrdiff_t link_send (void *self, const void *bytes, size_t size) {
  return fd_send(((Socket *)self)->fd, bytes, size);
}

static int link_wait (Connection *c, int events, double deadline) {
  return fd_wait(((Socket *)c)->fd, events, deadline);
}

/* LuaSocket's two limits hold for each operation: the earlier one counts. */
static double operation_deadline (Connection *c) {
  Socket *s = (Socket *)c;
  double limit = s->block;
  if (limit < 0 || (s->total >= 0 && s->total < limit)) limit = s->total;
  if (limit < 0) return CLOCK_NEVER;
  return limit > 0 ? clock_now() + limit : 0;
}

static int link_peer (Connection *c, Address *name) {
  return fd_peer_name(((Socket *)c)->fd, name);
}

static void set_nodelay (Connection *c) {
  fd_set_nodelay(((Socket *)c)->fd, c->options.nodelay);
}

/* The LuaSocket object that it still works on. */
static void close_held (lua_State *L, Connection *c) {
  c->closed = 1;
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_OBJECT);
  if (lua_isnil(L, -1)) return;
  lua_getfield(L, -1, "close");
  lua_insert(L, -2);
  lua_call(L, 1, 0);
}

/* Lets go of all but the held object. */
static void link_release (Connection *c) {
  Socket *s = (Socket *)c;
  int fd = s->fd;
  s->fd = -1;
  c->closed = 1;
  lifetime_release(c);
  bio_free(&c->bio);
  if (fd >= 0) fd_close(fd);
}

static void link_close (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  int error, top = lua_gettop(L);
  if (s->fd < 0 && !c->closed) close_held(L, c);
  lua_settop(L, top);
  if (s->fd >= 0) {
    closure_end(c, &error);
    fd_discard(s->fd);
  }
  link_release(c);
}

static const Link socket_link = {
  { link_receive, link_send }, link_wait, operation_deadline, link_peer,
  set_nodelay,
  link_close, link_release
};

/* ---- primitives of socket.lua; `self` is at index 1 ---- */

Socket *sslsocket_push (lua_State *L, const char *type) {
  Socket *s = lua_newuserdata(L, sizeof(*s));
  int self = lua_gettop(L);
  memset(s, 0, sizeof(*s));
  connection_init(&s->connection, &socket_link, lifetime_close);
  s->fd = -1;
  s->block = s->total = -1;
  s->birthday = clock_now();
  luaL_getmetatable(L, type);
  lua_setmetatable(L, self);
  lua_createtable(L, UV_LAST, 0);
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, UV_OBJECT);
  lua_pushvalue(L, 3);
  lua_rawseti(L, -2, UV_OPTIONS);
  compat_setuservalue(L, self);
  return s;
}

void sslsocket_carry (Socket *s, int fd) {
  Connection *c = &s->connection;
  s->fd = fd;
  c->carried = 1;
  c->bio.carrier = &socket_link.carrier;
  c->bio.self = s;
  c->bio.read_ahead = 1;
}

/* wrap(context, object, options, connected): an SSLSocket that holds the
** LuaSocket object, if there is one, or nil and an error; misuse raises. */
static int primitive_wrap (lua_State *L) {
  Socket *s;
  int connected = lua_toboolean(L, 4);
  context_check(L, 1);
  lua_settop(L, 3);
  s = sslsocket_push(L, SOCKET_T);
  return opening_wrap(L, &s->connection, 3, connected) > 0 ? 2 : 1;
}

/* name_peer(self [, host]): whom TLS is to speak to; `host` is the name if none
** was given. True, or nil and an error; the LuaSocket object is untouched. */
static int primitive_name_peer (lua_State *L, Connection *c) {
  Hostname name = c->name;
  size_t size;
  if (c->closed) return errors_condition(L, "closed");
  if (!lua_isnoneornil(L, 2) && c->name.text[0] == '\0') {
    const char *host = luaL_checklstring(L, 2, &size);
    if (connection_read_name(L, &name, host, size) > 0) return 2;
  }
  c->name = name;
  if (opening_lacks_name(L, c) > 0) return 2;
  lua_pushboolean(L, 1);
  return 1;
}

/* attach(self, object, bytes, keep): takes the descriptor over; `bytes` were
** read from it before. What raises until it is ours leaves it with the object,
** which is kept for `detach` if told so. */
static int primitive_attach (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  size_t size;
  const char *bytes = luaL_checklstring(L, 3, &size);
  int fd = luasocket_fd_get(L, 2);
  int result = fd >= 0 ? fd_set_nonblocking(fd, c->options.nodelay) : -EBADF;
  if (c->closed) return errors_condition(L, "closed");
  if (result < 0) return errors_syscall(L, "wrap_socket", -result);
  if (!bio_feed(&c->bio, bytes, size))
    return errors_text(L, ERROR_T, "wrap_socket", "memory", "out of memory");
  lua_settop(L, 4);
  compat_getuservalue(L, 1);
  if (lua_toboolean(L, 4)) {
    lua_pushvalue(L, 2);
    lua_rawseti(L, 5, UV_ORIGINAL);
  }
  luasocket_fd_set(L, 2, -1);
  sslsocket_carry(s, fd);
  lua_pushnil(L);
  lua_rawseti(L, 5, UV_OBJECT);
  lua_pushboolean(L, 1);
  return 1;
}

/* finish(self, nil [, pending]): as closure_unwrap; nil and PENDING: a hook
** comes first. */
static int primitive_finish (lua_State *L, Connection *c) {
  int n = closure_unwrap(L, c);
  if (n != METHOD_UNREADY) return n;
  lua_pushnil(L);
  method_push_pending(L);
  return 2;
}

/* detach(self, object): gives the descriptor to the LuaSocket object, or
** without one to the caller. True or the descriptor, or nil and "closed". */
static int primitive_detach (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  if (c->closed) return errors_condition(L, "closed");
  if (lua_isnoneornil(L, 2)) {
    lua_pushinteger(L, s->fd);
    s->fd = -1;
    link_release(c);
    return 1;
  }
  luasocket_fd_set(L, 2, s->fd);
  s->fd = -1;
  link_release(c);
  lua_pushboolean(L, 1);
  return 1;
}

/* lend(self, object, method, ...): what object:method(...) answers when the
** LuaSocket object has the descriptor. */
static int primitive_lend (lua_State *L, Connection *c) {
  return luasocket_fd_lend(L, 2, ((Socket *)c)->fd);
}

/* part(self, name): its "context", its "options", the LuaSocket "object" that
** it still works on, the "original" that is kept for `detach`; or nil. */
static int primitive_part (lua_State *L, Connection *c) {
  static const char *const names[] = {
    "context", "object", "options", "original", NULL
  };
  static const int indexes[] = {
    UV_CONTEXT, UV_OBJECT, UV_OPTIONS, UV_ORIGINAL
  };
  int i = luaL_checkoption(L, 2, NULL, names);
  (void)c;
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, indexes[i]);
  return 1;
}

/* state(self): "no connection", "handshake", "connected", "failed" or
** "closed"; whether it is a server's; "connected" or "listening" if its
** descriptor never was a LuaSocket object's. */
static int primitive_state (lua_State *L, Connection *c) {
  static const char *const kinds[] = {NULL, "connected", "listening"};
  lua_pushstring(L, connection_state(c));
  lua_pushboolean(L, c->options.server_side);
  lua_pushstring(L, kinds[((Socket *)c)->bare]);
  return 3;
}

/* ---- methods ---- */

/* The descriptor, the held object's too; -1 without one. */
static int descriptor (lua_State *L, const Socket *s) {
  int fd = s->fd;
  if (fd >= 0 || s->connection.closed) return fd;
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_OBJECT);
  if (!lua_isnil(L, -1)) fd = luasocket_fd_get(L, lua_gettop(L));
  lua_pop(L, 2);
  return fd;
}

/* LuaSocket's way to fail: nil and the system's text. */
static int push_errno (lua_State *L, int code) {
  char room[REASON_MAX];
  lua_pushnil(L);
  lua_pushstring(L, failure_system_reason(code, room));
  return 2;
}

/* What did not leave although it counted as sent. */
static int push_unsent (lua_State *L, int error) {
  if (error != 0) return errors_syscall(L, "close", error);
  return errors_text(L, ERROR_T, "close", "unsent",
                     "the peer did not take all that was sent");
}

/* Seconds that `close` may wait for what was sent: none where a call may not
** wait, or where the connection did not end well. */
static double linger_time (const Socket *s) {
  const Connection *c = &s->connection;
  double most = c->options.linger;
  if (!c->established || c->failed || c->late || c->unsent.kept
      || c->bio.write_error != 0 || c->bio.read_error != 0) return 0;
  if (s->block >= 0 && s->block < most) most = s->block;
  if (s->total >= 0 && s->total < most) most = s->total;
  return most;
}

static int end (lua_State *L, Connection *c, double linger) {
  Socket *s = (Socket *)c;
  int left, error, waiting = linger > 0 ? fd_unacknowledged(s->fd) : 0;
  uint64_t before = c->bio.taken;
  left = closure_end(c, &error);
  if (waiting > 0 && left && buffer_length(&c->bio.out) == 0)
    fd_linger(s->fd, (int)(c->bio.taken - before),
                     clock_now() + linger);
  fd_discard(s->fd);
  link_release(c);
  if (!left) return push_unsent(L, error);
  lua_pushinteger(L, 1);
  return 1;
}

/***
Ends TLS with close_notify and closes the descriptor. Where the connection may
wait and all went well it lets what was sent arrive first: the system throws
away what has not left, when something comes from the peer behind our end (the
option `linger`, and never longer than `settimeout` says). Where it may not
wait, `shutdown("send")` and reading to the end do the same.
@function close
@group Ending
@treturn[1] integer 1, also when closed before
@treturn[2] nil
@treturn[2] SSLError bytes that `send` had taken did not leave; the descriptor
is closed all the same
@source RFC 8446, 6.1; RFC 9293, 3.6
@usage local done, err = conn:close()
if not done then print("the last bytes did not leave: " .. err) end
*/
int sslsocket_close (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  if (c->decision.hook_running) decision_forget(L, c);
  if (s->fd >= 0) return end(L, c, linger_time(s));
  lifetime_close(L, c);
  lua_pushinteger(L, 1);
  return 1;
}

/* __close: the second argument is the error that unwinds. */
int sslsocket_end_scope (lua_State *L, Connection *c) {
  if (lua_isnoneornil(L, 2) || ((Socket *)c)->fd < 0)
    return sslsocket_close(L, c);
  if (c->decision.hook_running) decision_forget(L, c);
  return end(L, c, 0);
}

/***
The descriptor, for `select` and `poll`.
@function getfd
@group Waiting
@treturn integer -1 when closed
@usage print(conn:getfd())
*/
static int socket_getfd (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  lua_pushinteger(L, descriptor(L, s));
  return 1;
}

/***
The family of the socket's addresses.
@function getfamily
@treturn string `"inet4"`, `"inet6"` or `"unix"`
@usage print(conn:getfamily())  --> inet6
*/
static int socket_getfamily (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  Address name;
  if (fd_own_name(descriptor(L, s), &name) == 0)
    lua_pushstring(L, strcmp(name.family, "inet") == 0 ? "inet4" : name.family);
  else lua_pushliteral(L, "inet4");  /* as LuaSocket's without a socket */
  return 1;
}

/* What there is to return, or 0: port and family follow. */
static int push_host (lua_State *L, int result, const Address *name) {
  if (result < 0) return push_errno(L, -result);
  lua_pushstring(L, name->host);
  return strcmp(name->family, "unix") == 0;
}

/***
The peer's address.
@function getpeername
@treturn[1] string address, of a unix socket its path and nothing else
@treturn[1] integer port
@treturn[1] string `"inet"` or `"inet6"`
@treturn[2] nil
@treturn[2] string the system's text
@usage local address, port, family = conn:getpeername()
*/
static int socket_getpeername (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  Address name;
  int n = push_host(L, fd_peer_name(descriptor(L, s), &name), &name);
  if (n > 0) return n;
  lua_pushinteger(L, name.port);
  lua_pushstring(L, name.family);
  return 3;
}

/***
The socket's own address.
@function getsockname
@treturn[1] string address, of a unix socket its path and nothing else
@treturn[1] string port
@treturn[1] string `"inet"` or `"inet6"`
@treturn[2] nil
@treturn[2] string the system's text
@usage local address, port, family = conn:getsockname()
*/
static int socket_getsockname (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  Address name;
  int n = push_host(L, fd_own_name(descriptor(L, s), &name), &name);
  if (n > 0) return n;
  lua_pushfstring(L, "%d", name.port);
  lua_pushstring(L, name.family);
  return 3;
}

/***
How much application data went through, and how old the object is.
@function getstats
@treturn integer bytes received
@treturn integer bytes sent
@treturn number seconds since the object was made
@usage local received, sent, age = conn:getstats()
*/
static int socket_getstats (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  lua_pushinteger(L, (lua_Integer)c->counted.received);
  lua_pushinteger(L, (lua_Integer)c->counted.sent);
  lua_pushnumber(L, clock_now() - s->birthday);
  return 3;
}

/***
Sets what `getstats` tells.
@function setstats
@tparam[opt] integer received bytes
@tparam[opt] integer sent bytes
@tparam[opt] number age seconds
@treturn integer 1
@usage conn:setstats(0, 0, 0)
*/
static int socket_setstats (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  double received = floor(luaL_optnumber(L, 2, c->counted.received));
  double sent = floor(luaL_optnumber(L, 3, c->counted.sent));
  double age = luaL_optnumber(L, 4, clock_now() - s->birthday);
  luaL_argcheck(L, fabs(received) < 1e15, 2, "out of range");
  luaL_argcheck(L, fabs(sent) < 1e15, 3, "out of range");
  counters_restart(&c->counted, received, sent);
  s->birthday = clock_now() - age;
  lua_pushinteger(L, 1);
  return 1;
}

/***
The limits of `settimeout`, in seconds; below 0: none.
@function gettimeout
@group Waiting
@treturn number limit of mode `"b"`
@treturn number limit of mode `"t"`
@usage local block, total = conn:gettimeout()
*/
static int socket_gettimeout (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  lua_pushnumber(L, s->block);
  lua_pushnumber(L, s->total);
  return 2;
}

/***
Limits the time of each operation, however many reads and writes it needs.
@function settimeout
@group Waiting
@tparam[opt] number seconds 0: do not wait; nil or below 0: no limit
@tparam[opt="b"] string mode `"b"`, or `"t"` or `"r"` for the second limit;
the earlier of the two counts
@treturn integer 1
@raise when `seconds` is not a number or `mode` is none of these
@source LuaSocket, tcp
@usage conn:settimeout(10)      -- ten seconds for each operation
conn:settimeout(0)       -- do not wait
conn:settimeout(nil)     -- wait without limit
*/
static int socket_settimeout (lua_State *L, Connection *c) {
  Socket *s = (Socket *)c;
  double seconds = luaL_optnumber(L, 2, -1);
  const char *mode = luaL_optstring(L, 3, "b");
  luaL_argcheck(L, seconds == seconds, 2, "not a number");
  if (seconds > 1e9) seconds = -1;
  if (*mode == 'b') s->block = seconds;
  else if (*mode == 't' || *mode == 'r') s->total = seconds;
  else return luaL_argerror(L, 3, "invalid timeout mode");
  lua_pushinteger(L, 1);
  return 1;
}

static int socket_tostring (lua_State *L, Connection *c) {
  lua_pushfstring(L, "%s (%s): %p", compat_typename(SOCKET_T),
                  connection_state(c), (void *)c);
  return 1;
}

const Method sslsocket_methods[] = {
  {"close", sslsocket_close, CLOSES, NULL},
  {"detach", lifetime_detach, CHANGES, NULL},
  {"getfamily", socket_getfamily, TELLS, NULL},
  {"getfd", socket_getfd, TELLS, NULL},
  {"getpeername", socket_getpeername, TELLS, NULL},
  {"getsockname", socket_getsockname, TELLS, NULL},
  {"getstats", socket_getstats, TELLS, NULL},
  {"gettimeout", socket_gettimeout, TELLS, NULL},
  {"setstats", socket_setstats, TELLS, NULL},
  {"settimeout", socket_settimeout, TELLS, NULL},
  {NULL, NULL, TELLS, NULL}
};

static const Method metamethods[] = {
  {"__close", sslsocket_end_scope, CLOSES, NULL},
  {"__tostring", socket_tostring, TELLS, NULL},
  {NULL, NULL, TELLS, NULL}
};

const Method sslsocket_primitives[] = {
  {"attach", primitive_attach, CHANGES, NULL},
  {"detach", primitive_detach, CHANGES, NULL},
  {"finish", primitive_finish, CHANGES, NULL},
  {"lend", primitive_lend, TELLS, NULL},
  {"name_peer", primitive_name_peer, CHANGES, NULL},
  {"part", primitive_part, TELLS, NULL},
  {"state", primitive_state, TELLS, NULL},
  {NULL, NULL, TELLS, NULL}
};

int sslsocket_open (lua_State *L) {
  lua_newtable(L);
  connection_type_open(L, SOCKET_T, sslsocket_methods, metamethods);
  lua_setfield(L, -2, "methods");
  lua_pushcfunction(L, primitive_wrap);
  lua_setfield(L, -2, "wrap");
  luaL_getmetatable(L, SOCKET_T);
  lua_insert(L, -2);
  method_add(L, sslsocket_primitives, lua_gettop(L) - 1, 0);
  lua_remove(L, -2);
  return 1;
}
