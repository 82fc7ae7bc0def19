/*
** early_data_methods.c -- how a program reads and writes early data.
*/

#include "base/errors.h"
#include "connection/early_data.h"
#include "connection/early_data_methods.h"
#include "connection/handshake.h"
#include "connection/method_prologue.h"
#include "connection/outcome.h"

/***
@page SSLSocket SSLObject
@group Early data
*/

static void check_side (lua_State *L, const Connection *c, int server_side) {
  if (c->closed || c->options.server_side == server_side) return;
  luaL_argerror(L, 1, server_side ? "early data is read by servers"
                                  : "early data is written by clients");
}

/***
**Reads data that an attacker may be sending once more**, and that nobody has
vouched for: what comes in a resumed handshake's first flight, before its end
shows that the client is there now. Act on it only where it does no harm to do
so twice, as a GET without effects. See `doc/early-data.md`.

The context needs the option `max_early_data`, and the connection
`do_handshake_on_connect = false`. The handshake runs as far as it has to. What
was not read here when it ends is ordinary data, which `receive` gives: then its
sender has been shown to be there.
@function read_early_data
@treturn[1] string what has come; call again for more
@treturn[2] nil there is none, or no more
@treturn[3] nil
@treturn[3] string|SSLError `"timeout"`, at timeout 0 `"wantread"` or
`"wantwrite"`, `"closed"`, or a failure
@raise on a client's connection
@source RFC 8446, 2.3, 4.2.10 and 8; RFC 8470; SSL_read_early_data(3)
@usage local conn = assert(listener:accept())
local early = conn:read_early_data()
if early and early:find "^GET " then prepare(early) end
*/
static int early_data_read (lua_State *L, Connection *c) {
  EarlyData *e = c->early;
  check_side(L, c, 1);
  if (lua_gettop(L) < 2 || !method_goes_on(L, 2))
    connection_begin_operation(c);
  if (c->closed || c->failed) return METHOD_UNREADY;
  if (!c->established && e != NULL && buffer_length(&e->unread) > 0) {
    size_t n = buffer_length(&e->unread);
    lua_pushlstring(L, (const char *)buffer_start(&e->unread), n);
    buffer_free(&e->unread);
    c->counted.received += (double)n;
    lua_pushnil(L);
    return 2;
  }
  if (c->established || (e != NULL && e->over)) {
    lua_pushnil(L);
    lua_pushnil(L);
    return 2;
  }
  c->early_wanted = 1;
  return METHOD_UNREADY;
}

static int refuse (lua_State *L, const char *why) {
  return errors_text(L, ERROR_T, "write_early_data", "early_data", "%s: send "
                     "it behind the handshake", why);
}

/* 0, or 2 with nil and why it cannot be sent now. */
static int check_session (lua_State *L, Connection *c, size_t size) {
  SSL_SESSION *session = SSL_get_session(c->ssl);
  size_t most = session != NULL && c->shared_key == NULL
                ? SSL_SESSION_get_max_early_data(session) : 0;
  if (most == 0)
    return refuse(L, "there is no session to resume with which the server "
                  "takes early data");
  if (size > most || (c->early != NULL && c->early->sent > most - size))
    return refuse(L, "that is more than the server takes early (see "
                  "SSLSession:max_early_data)");
  return 0;
}

/***
**Sends data that an attacker can have the server read once more**: in the first
flight of a resumed handshake, without waiting for the server. Send so only what
may be done twice. See `doc/early-data.md`.

It takes a session whose `SSLSession:max_early_data` is above 0 and
`do_handshake_on_connect = false`, and comes before the handshake. If the server
refuses what was sent, the method that runs the handshake to its end answers,
once, an SSLError of kind `early_data_refused`; the connection goes on. Nothing
is sent again unless the program does so, by `send`.
@function write_early_data
@tparam string data of any bytes
@treturn[1] integer bytes taken: all
@treturn[2] nil
@treturn[2] string|SSLError an SSLError of kind `early_data`: it cannot be sent
early, and nothing was; `"closed"`, or a failure
@raise when `data` is not a string, and on a server's connection
@source RFC 8446, 2.3, 4.2.10 and 8; RFC 8470; SSL_write_early_data(3)
@usage local conn = assert(context:wrap_socket(sock, { server_hostname = host,
  session = earlier, do_handshake_on_connect = false }))
local early = conn:write_early_data(request)
local done, err = conn:do_handshake()
if not early or not done and err.kind == "early_data_refused" then
  conn:send(request)
end
*/
static int early_data_write (lua_State *L, Connection *c) {
  size_t size, n = 0;
  const char *data = luaL_checklstring(L, 2, &size);
  int results, done;
  check_side(L, c, 0);
  connection_begin_operation(c);
  if (c->established || (c->early != NULL && c->early->over)
      || (c->ssl != NULL && c->early == NULL && !SSL_in_before(c->ssl)))
    return c->closed ? errors_condition(L, "closed")
                     : refuse(L, "the handshake has begun");
  results = handshake_begin(L, c);
  if (results == 0) results = check_session(L, c, size);
  if (results > 0) return results;
  if (early_data_make(c) == NULL) return refuse(L, "out of memory");
  errors_clear();
  c->bio.corked = 1;
  done = size == 0 || SSL_write_early_data(c->ssl, data, size, &n);
  c->bio.corked = 0;
  if (!done) {
    Outcome outcome = connection_outcome(c, 0);
    return outcome_push(L, c, outcome, "write_early_data", 1);
  }
  bio_flush(&c->bio);
  c->early->sent += n;
  c->counted.sent += (double)n;
  errors_clear();
  lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

/***
Whether the server has taken the data that the client sent early. It is known
when the handshake is complete.
@function early_data_accepted
@treturn[1] boolean
@treturn[2] nil none was sent, or before the end of the handshake
@treturn[3] nil
@treturn[3] string `"closed"`
@source SSL_get_early_data_status(3)
@usage print(conn:early_data_accepted())
*/
static int early_data_accepted (lua_State *L, Connection *c) {
  int status;
  if (c->closed) return errors_condition(L, "closed");
  status = c->established ? SSL_get_early_data_status(c->ssl)
                          : SSL_EARLY_DATA_NOT_SENT;
  if (status == SSL_EARLY_DATA_NOT_SENT) lua_pushnil(L);
  else lua_pushboolean(L, status == SSL_EARLY_DATA_ACCEPTED);
  return 1;
}

void early_data_methods (lua_State *L, int metatable, int shared) {
  static const First read = { 2, 2, 1, NULL };
  static const Method methods[] = {
    {"early_data_accepted", early_data_accepted, TELLS, NULL},
    {"read_early_data", early_data_read, CHANGES, &read},
    {"write_early_data", early_data_write, CHANGES, NULL},
    {NULL, NULL, CHANGES, NULL}
  };
  method_add(L, methods, metatable, shared);
}
