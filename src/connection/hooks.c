/*
** hooks.c -- decisions that Lua takes in a handshake. OpenSSL's callbacks only
** note that it has to stop; the hook runs when it has returned, in the
** caller's coroutine (hooks.lua), and so may yield, raise and take its
** time. What it decides is stored here and told to OpenSSL when it asks again.
*/

#include <string.h>

#include <openssl/err.h>

#include "connection/hook_args.h"
#include "connection/decision.h"
#include "connection/method_prologue.h"
#include "base/errors.h"
#include "connection/client_hello.h"
#include "connection/hooks.h"
#include "context/context_policy.h"
#include "context/identity.h"
#include "connection/opening.h"
#include "context/options.h"
#include "connection/outcome.h"
#include "connection/stored_sessions.h"
#include "connection/verify.h"

/***
Decisions that a program's own functions take in a handshake. They are options
of a context: `on_client_hello`, `on_certificate` and `on_verify`, and
`get_session`, which decides nothing. Each is called as `hook(connection, facts)`
in the coroutine that runs the handshake, between two calls into OpenSSL: it may
ask a database, another server or the user, yield and take its time, up to
`handshake_timeout`.

**Going on:** a hook that returns nothing or `true` decides nothing, and the
handshake goes on.

**Refusing:** `nil, err` ends the handshake. `err` is what the method that runs
the handshake answers. If it is the name of an alert (RFC 8446:
`"unrecognized_name"`) the peer gets that alert, else the hook's own. Without
`err`, and for an answer that decides nothing, the error is an SSLError of kind
`hook`.

**Raising:** what a hook raises is answered too, the very value; the alert is
`"internal_error"`. A string that would read like a condition (`"timeout"`)
comes in the field `cause` of an SSLError. In Lua 5.1 a hook in a coroutine
cannot be called protected: what it raises passes through the method.

**Waiting:** while a hook is suspended, calls of other coroutines that need the
handshake answer at once what they answer when time is up, `"timeout"` or
`"wantread"`, and `close` closes. The hook's own such calls, which would wait
for itself, answer an SSLError of kind `state`.

**Post-handshake authentication:** after
`SSLSocket:verify_client_post_handshake` the client's `on_certificate` and the
server's `on_verify` are asked by a method that reads, or that waits before it
writes. They may suspend it too. It then goes on with what it had read so far.
Calls of other coroutines that read or write answer meanwhile as above.
@classmod Hooks
@group Hooks
*/

/***
Asked when a server has the ClientHello and nothing is decided. It can choose a
context, a certificate or an application protocol.
@function on_client_hello
@tparam SSLSocket|SSLObject connection what the program holds; of a stream over
an SSLObject the stream
@tparam table facts what the client says; what has no name here is like
`"0x1a1a"`
@tparam ?string facts.server_name the name it asks for, in lower case; nil
without SNI
@tparam {string,...} facts.alpn_protocols application protocols, best first
@tparam {string,...} facts.versions versions of TLS
@tparam {string,...} facts.ciphers cipher suites
@tparam {string,...} facts.signature_algorithms signature algorithms
@treturn[1] SSLContext whose connection it is from now on, as if it had been
its from the start; its own `on_client_hello` and `server_names` are not asked
@treturn[2] table `{context=, alpn_protocol=, certificate=}`, each if it is
wanted: an SSLContext; one of `facts.alpn_protocols`, any other is an error,
also where the client offers none; an SSLContext with certificates, or a table
of their options, as `on_certificate` answers it
@treturn[3] nil by the option `server_names`, or else by this context
@treturn[4] nil
@treturn[4] string|SSLError refuses, with any alert, else `"handshake_failure"`
@raise ends the handshake with the very value
@source SSL_CTX_set_client_hello_cb(3); RFC 8446, 4.1.2
@usage local context = assert(ssl.SSLContext {
  server_side = true, certfile = "default.pem",
  on_client_hello = function(conn, hello)
    local site = sites[hello.server_name]
    if not site then return nil, "unrecognized_name" end
    return site.context
  end,
})
*/

/***
Asked when this side is about to show its certificate: a server in each full
handshake, a client when the server asks for one.
@function on_certificate
@tparam SSLSocket|SSLObject connection what the program holds
@tparam table facts what the peer says
@tparam table facts.issuers the names of the issuers that it trusts, each as
from `Certificate:issuer`
@tparam {string,...} facts.signature_algorithms signature algorithms
@tparam ?string facts.server_name on a server: the name that the client asks for
@tparam ?string facts.server_hostname on a client: the server's name
@treturn[1] SSLContext the one with the certificate; of several the peer's
signature algorithms choose
@treturn[2] table a context's options of certificates: `{cert=, key=}`,
`{certfile=, keyfile=, password=}`, `{pkcs12=, password=}`, `{certificates=}`
and so on
@treturn[3] nil the context's own certificate, or none
@treturn[4] nil
@treturn[4] string|SSLError refuses, with the alert `"internal_error"`
@raise ends the handshake with the very value
@source SSL_CTX_set_cert_cb(3)
@usage local context = assert(ssl.create_default_context {
  on_certificate = function(conn, facts)
    return { cert = read_file "client.pem", key = read_file "client.key" }
  end,
})
*/

/***
Asked when the peer's certificate was verified: on every connection, at the end
of a resumed handshake, and of one without a client certificate, too. There no
alert can be sent any more, the connection just ends. A server's handshake that
waits for its `on_verify` goes on only in the thread where it stopped; in others
it answers an SSLError of kind `state`.
@function on_verify
@tparam SSLSocket|SSLObject connection what the program holds
@tparam table facts what was found
@tparam ?Certificate facts.certificate the peer's; nil: there is none
@tparam {Certificate,...} facts.chain leaf first: what was verified, or as far
as it came; on a server after resumption as far as the ticket carries it, 8 KiB
@tparam boolean facts.verified OpenSSL's verdict: true is good
@tparam integer facts.verify_code the verdict, 0 is good
@tparam string facts.verify_message the same in OpenSSL's words
@tparam integer facts.verify_depth where in the chain; 0 is the peer's own
@tparam ?table facts.errors list of `{code=, name=, message=, depth=}`: all that
OpenSSL finds wrong, up to 16, the verdict first; absent without a certificate
@tparam boolean facts.resumed whether a session was resumed
@tparam ?string facts.server_hostname on a client: the server's name
@tparam ?string facts.server_name on a server: the name that the client asked
for
@treturn[1] table `ssl.ACCEPT_UNVERIFIED`: accepts the certificate, though it
was not verified. `verify_result` and `getpeercert` stay what they are
@treturn[2] nil the verdict and `cert_reqs` hold
@treturn[3] nil
@treturn[3] string|SSLError refuses, with one of the alerts
`"handshake_failure"`, `"bad_certificate"`, `"unsupported_certificate"`,
`"certificate_revoked"`, `"certificate_expired"`, `"certificate_unknown"`,
`"unknown_ca"`, `"decrypt_error"`, `"internal_error"`, else the verdict's own or
`"certificate_unknown"`
@raise ends the handshake with the very value
@source SSL_CTX_set_cert_verify_callback(3)
@usage local context = assert(ssl.create_default_context {
  on_verify = function(conn, facts)
    if facts.certificate and revoked[facts.certificate:serial()] then
      return nil, "certificate_revoked"
    end
  end,
})
*/

#define STACK_SLOTS 16

static const char *const names[] = {
  NULL, "on_client_hello", "on_certificate", "on_verify", "psk", "get_session"
};

/* ---- asking ---- */

/* The marks are what hooks.lua compares with. */
static char run_hook, hook_running;

/* Pushes an option of the connection's context. */
static void push_option (lua_State *L, const char *name) {
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_CHOICES);
  options_push(L, lua_gettop(L), name);
  lua_insert(L, -3);
  lua_pop(L, 2);
}

/* Pushes the option server_names of its context as it is now. */
static void push_server_names (lua_State *L) {
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_CONTEXT);
  compat_getuservalue(L, lua_gettop(L));
  options_push(L, lua_gettop(L), "server_names");
  lua_insert(L, -4);
  lua_pop(L, 3);
}

/* Whether the context at `index` is for servers; raises if it is none. */
static int is_server (lua_State *L, int index) {
  return context_policy_of(context_check(L, index))->defaults.server_side;
}

/* Pushes the connection at index 1 as the program holds it. */
static void push_face (lua_State *L) {
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_FACE);
  lua_remove(L, -2);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_pushvalue(L, 1);
}

static void set_asked (lua_State *L) {
  compat_getuservalue(L, 1);
  lua_pushthread(L);
  lua_rawseti(L, -2, UV_ASKED);
  lua_pop(L, 1);
}

int hooks_ask (lua_State *L, Connection *c) {
  Point point = c->decision.point;
  const char *name = names[point];
  int top = lua_gettop(L);
  luaL_checkstack(L, STACK_SLOTS, name);
  set_asked(L);
  lua_pushnil(L);
  lua_pushlightuserdata(L, &run_hook);
  lua_pushstring(L, name);
  push_option(L, name);
  push_face(L);
  hook_args_push(L, c);
  if (c->call.closing) {
    lua_settop(L, top);
    return 0;
  }
  c->decision.hook_running = 1;
  c->decision.deadline = c->deadline;
  return HOOKS_ASKED;
}

/* UV_ASKED is set before `asked` is and cleared behind it, by no one else: a
** finalizer's calls are refused meanwhile. */
int hooks_push_busy (lua_State *L, Connection *c, int native) {
  lua_pushnil(L);
  lua_pushlightuserdata(L, &hook_running);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_ASKED);
  lua_remove(L, -2);
  lua_pushstring(L, names[c->decision.point]);
  c->want = WANT_READ;
  outcome_push(L, c, WAIT, "handshake", native);
  lua_remove(L, -2);
  return 5;
}

int hooks_choose_by_name (lua_State *L, Connection *c) {
  if (!(c->policy->hooks & HOOK_SERVER_NAMES)) return 0;
  push_server_names(L);
  client_hello_look_up(L, c->choice.hello, lua_gettop(L));
  if (lua_isnil(L, -1)) return 0;
  if (compat_testudata(L, -1, CONTEXT_T) == NULL)
    return errors_text(L, ERROR_T, "server_names", "context", "what stands "
                       "for the client's name is a %s, not an SSLContext",
                       luaL_typename(L, -1));
  if (!is_server(L, lua_gettop(L)))
    return errors_text(L, ERROR_T, "server_names", "context", "the context "
                       "that stands for the client's name is a client's");
  return opening_replay(L, c, lua_gettop(L));
}

/* ---- answers ---- */

void hooks_refuse (lua_State *L, Connection *c, int alert) {
  compat_getuservalue(L, 1);
  lua_insert(L, -2);
  lua_rawseti(L, -2, UV_FAILURE);
  lua_pop(L, 1);
  c->decision.alert = alert;
  c->decision.answer = REFUSED;
  decision_forget(L, c);
}

/* 0: it is too late. */
static int awaits_answer (const Connection *c) {
  return c->decision.hook_running && !c->closed && !c->failed;
}

static int answer (lua_State *L, Connection *c, Answer value) {
  if (!awaits_answer(c)) return 0;
  c->decision.answer = value;
  decision_forget(L, c);
  return 0;
}

/* allow(connection): OpenSSL's verdict and what was set so far hold. */
static int primitive_allow (lua_State *L, Connection *c) {
  return answer(L, c, ALLOWED);
}

/* accept(connection): the peer's certificate, whatever the verdict. */
static int primitive_accept (lua_State *L, Connection *c) {
  return answer(L, c, ACCEPTED);
}

static int alert_number (const char *name) {
  int alert;
  if (name == NULL) return -1;
  for (alert = 0; alert < 256; alert++) {
    const char *known = errors_alert_name(alert);
    if (known != NULL && strcmp(known, name) == 0) return alert;
  }
  return -1;
}

/* refuse(connection, value, alert): `value` is what the handshake answers,
** `alert` a name; one that is none is OpenSSL's choice. */
static int primitive_refuse (lua_State *L, Connection *c) {
  const char *alert = lua_tostring(L, 3);
  int number = alert_number(alert);
  if (!awaits_answer(c)) return 0;
  lua_settop(L, 2);
  hooks_refuse(L, c, number == SSL_AD_CLOSE_NOTIFY ? -1 : number);
  return 0;
}

/* use_context(connection, context): on_client_hello's; true, or nil and an
** error. */
static int primitive_use_context (lua_State *L, Connection *c) {
  int n, server_side = is_server(L, 2);
  if (!awaits_answer(c) || c->decision.point != AT_CLIENT_HELLO) return 0;
  if (!server_side)
    return errors_text(L, ERROR_T, "on_client_hello", "context",
                       "it chose a context that is for the client side");
  n = opening_replay(L, c, 2);
  if (n > 0) return n;
  c->choice.made = 1;
  lua_pushboolean(L, 1);
  return 1;
}

/* use_certificate(connection, context): its certificates, keys and chains;
** true, or nil and an error. */
static int primitive_use_certificate (lua_State *L, Connection *c) {
  SSL_CTX *ctx = context_check(L, 2);
  if (!awaits_answer(c)) return 0;
  if (SSL_CTX_get0_certificate(ctx) == NULL)
    return errors_text(L, ERROR_T, names[c->decision.point], "context",
                       "it chose a context that has no certificate");
  errors_clear();
  if (!identity_hand_over(ctx, c->ssl))
    return errors_fail(L, names[c->decision.point], NULL);
  if (c->decision.point == AT_CLIENT_HELLO) c->choice.made = 1;
  lua_pushboolean(L, 1);
  return 1;
}

/* use_protocol(connection, name): for ALPN; true, or nil and an error. */
static int primitive_use_protocol (lua_State *L, Connection *c) {
  size_t size;
  const char *name = luaL_checklstring(L, 2, &size);
  unsigned char *copy;
  luaL_argcheck(L, size >= 1 && size <= 255, 2, "must have 1 to 255 bytes");
  if (!awaits_answer(c) || c->choice.hello == NULL) return 0;
  if (!client_hello_offers(c->choice.hello, name, size))
    return errors_text(L, ERROR_T, "on_client_hello", "alpn", "it chose an "
                       "alpn_protocol that is none of the client's "
                       "alpn_protocols (RFC 7301, 3.2)");
  copy = OPENSSL_malloc(size + 1);
  if (copy == NULL) return luaL_error(L, "not enough memory");
  copy[0] = (unsigned char)size;
  memcpy(copy + 1, name, size);
  OPENSSL_free(c->choice.protocol);
  c->choice.protocol = copy;
  lua_pushboolean(L, 1);
  return 1;
}

/* use_session(connection, bytes): true, whatever they are. */
static int primitive_use_session (lua_State *L, Connection *c) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 2, &size);
  if (awaits_answer(c) && c->decision.point == AT_SESSION)
    stored_sessions_take(c, (const unsigned char *)bytes, size);
  lua_pushboolean(L, 1);
  return 1;
}

/* face(object, value): see hooks.lua. */
static int primitive_face (lua_State *L, Connection *c) {
  luaL_checkany(L, 2);
  luaL_argcheck(L, c->link == NULL, 1, "SSLObject expected");
  lua_settop(L, 2);
  compat_getuservalue(L, 1);
  lua_insert(L, 2);
  lua_rawseti(L, 2, UV_FACE);  /* no new index: this raises nothing */
  return 0;
}

/* ---- where OpenSSL has no stacks to switch ---- */

static char hook_runner;  /* registry key: what runs a hook and answers */

/* set_hook_runner(function): hooks.lua's, called with what hooks_ask pushes. */
static int primitive_set_hook_runner (lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_pushlightuserdata(L, &hook_runner);
  lua_insert(L, 1);
  lua_rawset(L, LUA_REGISTRYINDEX);
  return 0;
}

/* What a step without suspension puts at index 2. */
int hooks_run (lua_State *L) {
  Connection *c = lua_touserdata(L, 1);
  int first = lua_gettop(L) + 1;
  lua_pushlightuserdata(L, &hook_runner);
  lua_rawget(L, LUA_REGISTRYINDEX);
  lua_pushvalue(L, 1);
  if (hooks_ask(L, c) != HOOKS_ASKED) return 0;
  lua_remove(L, first + 2);  /* nil */
  lua_remove(L, first + 2);  /* the mark */
  lua_call(L, HOOKS_ASKED - 1, 0);
  return 0;
}

void hooks_primitives (lua_State *L) {
  static const Method primitives[] = {
    {"accept", primitive_accept, ANSWERS, NULL},
    {"allow", primitive_allow, ANSWERS, NULL},
    {"face", primitive_face, TELLS, NULL},
    {"refuse", primitive_refuse, ANSWERS, NULL},
    {"use_certificate", primitive_use_certificate, ANSWERS, NULL},
    {"use_context", primitive_use_context, ANSWERS, NULL},
    {"use_protocol", primitive_use_protocol, ANSWERS, NULL},
    {"use_session", primitive_use_session, ANSWERS, NULL},
    {NULL, NULL, ANSWERS, NULL}
  };
  method_add(L, primitives, 0, 0);
  lua_pushcfunction(L, primitive_set_hook_runner);
  lua_setfield(L, -2, "set_hook_runner");
  lua_pushlightuserdata(L, &run_hook);
  lua_setfield(L, -2, "RUN_HOOK");
  lua_pushlightuserdata(L, &hook_running);
  lua_setfield(L, -2, "HOOK_RUNNING");
}
