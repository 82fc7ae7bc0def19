/*
** context.c -- SSLContext: an SSL_CTX and the policy of its connections.
**
** A context is built in one go from a table of options, which stays in its
** uservalue: `get` reads there, `set` builds anew and swaps, so that a failure
** changes nothing.
*/

#include <string.h>

#include "context/context.h"
#include "base/errors.h"
#include "context/context_build.h"
#include "context/context_trust.h"
#include "context/counters.h"
#include "context/early_guard.h"
#include "context/ocsp_staple.h"
#include "context/options.h"
#include "context/pem.h"
#include "context/pkcs12.h"
#include "context/public_options.h"
#include "context/renewal.h"
#include "context/ticket_keys.h"
#include "context/warnings.h"

/***
What connections have in common: certificates, trust, versions, policy. It is
made by `ssl.create_default_context`, with secure defaults, or by
`ssl.SSLContext`, with Python's.
@classmod SSLContext
@group Methods
@usage local context = assert(ssl.create_default_context())
print(context:get("minimum_version"))  --> TLSv1.2
*/

#define OPERATION "SSLContext"

static void context_free (Context *c) {
  SSL_CTX *ctx = c->ctx;
  c->ctx = NULL;
  SSL_CTX_free(ctx);
}

static Context *context_push (lua_State *L) {
  Context *c = (Context *)lua_newuserdata(L, sizeof(*c));
  memset(c, 0, sizeof(*c));
  luaL_getmetatable(L, CONTEXT_T);
  lua_setmetatable(L, -2);
  return c;
}

static Context *check (lua_State *L, int index) {
  Context *c = (Context *)compat_checkudata(L, index, CONTEXT_T);
  if (c->ctx == NULL) luaL_argerror(L, index, "SSLContext was collected");
  return c;
}

SSL_CTX *context_check (lua_State *L, int index) {
  return check(L, index)->ctx;
}

/* Makes a context of the table at `options`: leaves it, or nil and an error. */
static int make (lua_State *L, int options) {
  Settings s;
  Context *c;
  int top;
  context_options_read(L, options, &s);
  context_trust_read(L, options, &s);
  ocsp_staple_read(L, options, &s);
  early_guard_check(L, options, &s);
  c = context_push(L);
  top = lua_gettop(L);
  lua_pushvalue(L, options);
  compat_setuservalue(L, top);
  errors_clear();
  if (!context_build(L, c, options, &s)) return 2;
  errors_clear();
  lua_settop(L, top);
  return 1;
}

/***
Makes a context with Python 2.6's defaults: the peer's certificate is not
verified (`CERT_NONE`), and nothing is trusted. `create_default_context` has
safe ones. TLS is 1.2 or later all the same.
@function SSLContext
@page ssl
@group Contexts
@tparam[opt] table options any of the options of a context: the tables of
`SSLContext`
@treturn[1] SSLContext
@treturn[2] nil
@treturn[2] SSLError a file, certificate, key or cipher that cannot be used;
or what the password function raised, as it is
@raise on unknown options, wrong types and contradictions
@source Python 2.7.9, ssl; SSL_CTX_new(3)
@usage local context = assert(ssl.SSLContext {
  server_side = true, certfile = "server.pem", keyfile = "key.pem" })
*/
static int context_new (lua_State *L) {
  lua_settop(L, 1);
  options_check(L, 1, OF_CONTEXT);
  lua_newtable(L);
  options_merge(L, 1, 2, OF_CONTEXT);
  options_check_values(L, 2);
  return make(L, 2);
}

/***
What the context's connections have done so far, in numbers. A connection
counts for the context that it was wrapped with, whatever context is chosen in
its handshake; `set` and collected connections change nothing.
@function counters
@treturn table with `begun`, `done` and `resumed`: handshakes that began, those
that succeeded, and those of them that resumed a session; `failed`: a table
from the errors' kinds (see `SSLError`) to how many handshakes failed so, where
`"hook"` also stands for values without a kind that hooks refused with and
`"abandoned"` for what was closed first; `alive`: connections that have begun
and are not closed; `received` and `sent`: bytes of application data. What
`begun` has more than `done` and all of `failed` is under way
@usage local counters = context:counters()
print(counters.done, counters.failed.verification or 0, counters.alive)
*/
static int context_counters (lua_State *L) {
  counters_push(L, check(L, 1)->policy->counters);
  return 1;
}

/***
Reads an option, or its default.
@function get
@tparam string name of an option of a context
@treturn any its value; nil if it has none. The versions are those that hold. Of
`cert` and `ca_data` only the certificates, in PEM, without keys and text around
them; of the tables in `certificates` what is not secret
@raise on unknown names, and on `key`, `key_uri`, `password`, `pkcs12` and
`psk`, which stay secret, as does what looks like a private key in any other option
@usage print(context:get("handshake_timeout"))  --> 30
*/
static int context_get (lua_State *L) {
  Context *c = check(L, 1);
  size_t size;
  const char *name = luaL_checklstring(L, 2, &size);
  const Option *o = strlen(name) == size ? options_find(name) : NULL;
  lua_settop(L, 2);
  if (o == NULL || !(o->of & OF_CONTEXT))
    return options_raise_unknown(L, name, size, OF_CONTEXT);
  if (strcmp(name, "minimum_version") == 0)
    lua_pushstring(L, context_options_version_name(
                        (int)SSL_CTX_get_min_proto_version(c->ctx)));
  else if (strcmp(name, "maximum_version") == 0)
    lua_pushstring(L, context_options_version_name(
                        (int)SSL_CTX_get_max_proto_version(c->ctx)));
  else {
    compat_getuservalue(L, 1);
    lua_newtable(L);
    options_merge(L, 3, 4, OF_CONTEXT);  /* lists as copies */
    public_options_push(L, 4, o);
  }
  return 1;
}

/* What `set` and `reload` have in common: the options at index 2 replace
** those of the context at index 1, for which new ones are made at index 3. */
static int renew (lua_State *L, Context *c) {
  Context *fresh, old;
  int results;
  lua_newtable(L);
  compat_getuservalue(L, 1);
  options_merge(L, 4, 3, OF_CONTEXT);
  options_merge(L, 2, 3, OF_CONTEXT);
  options_check_values(L, 3);
  if (options_boolean(L, 3, "server_side", 0)
      != c->policy->defaults.server_side)
    options_raise(L, "server_side", "cannot be changed: make another context");
  results = make(L, 3);
  if (results != 1) return results;
  fresh = check(L, -1);
  if (fresh->policy->early != NULL
      && ticket_keys_are_given(c->policy->ticket_keys))
    return early_guard_refuse(L, OPERATION);
  fresh->policy->name_decided = c->policy->name_decided
    || options_push(L, 2, "check_hostname") != LUA_TNIL;
  compat_getuservalue(L, 1);
  if (!lua_rawequal(L, -1, 4))
    return errors_text(L, ERROR_T, OPERATION, "state", "it was set in the "
                       "middle of this, by its password function");
  if (!renewal_carry_over(c->ctx, c->policy, fresh->ctx, fresh->policy)) {
    return errors_fail(L, OPERATION, NULL);
  }
  errors_clear();
  old = *c;
  *c = *fresh;
  *fresh = old;
  lua_pushvalue(L, 3);
  compat_setuservalue(L, 1);
  context_free(fresh);
  lua_pushboolean(L, 1);
  return 1;
}

/***
Changes options, all of them or, if one fails, none, for what is wrapped,
accepted or chosen from then on; what was before keeps what it has. Only
`server_names` holds for all, where there were some before. Ticket keys and a
client's kept sessions stay, as far as what they are bound to does. The
certificate's options (`certfile`, `keyfile`, `cert`, `key`, `key_uri`,
`pkcs12_file`, `pkcs12`, `certificates`, `password`) replace each other as a
whole; but `password` alone is for the key that is there. Files are read anew,
by their names in the working directory of now.
@function set
@tparam table options those to change, as of `ssl.SSLContext`
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] SSLError as of `ssl.SSLContext`
@raise as `ssl.SSLContext`, and when `server_side` is another
@usage assert(context:set {certfile = "new.pem", keyfile = "new.key"})
*/
static int context_set (lua_State *L) {
  Context *c = check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  options_check(L, 2, OF_CONTEXT);
  return renew(L, c);
}

/***
Reads certificates, keys and what is trusted anew, for the connections that are
made from then on; those that are there live on with what they have. Without
options the same files, keys and strings are read again; with options those
hold from now on, as with `set`. All of it or nothing: if anything is wrong, the
context stays as it was. See `doc/renewal.md`.

Ticket keys, and the sessions that are kept, stay. A server's sessions go on
after a renewal for the same names and types of key, and so do a client's if
the issuer is the same, too. A change in what is trusted ends them all, even
with a `session_id_context`.

A context in `server_names` and one that a hook answers with are reloaded by
themselves. `connect` without a `context` sees by itself that a file has
changed.
@function reload
@tparam[opt] table options certificates, keys and trust alone: `certfile`,
`cert`, `keyfile`, `key`, `key_uri`, `pkcs12_file`, `pkcs12`, `certificates`,
`password`, `ocsp_response`, `ca_certs`, `ca_data`, `ca_path`, `system_trust`
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] SSLError as of `ssl.SSLContext`, with the field `file`; or what the
password function raised
@raise for other options and wrong types
@source SSL_CTX_set_tlsext_ticket_keys(3)
@usage local done, err = context:reload()
if not done then log("the certificate stays the old one: " .. err) end
*/
static int context_reload (lua_State *L) {
  Context *c = check(L, 1);
  lua_settop(L, 2);
  options_check(L, 2, OF_CONTEXT);
  if (lua_isnil(L, 2)) {
    lua_newtable(L);
    lua_replace(L, 2);
  }
  options_check_renewed(L, 2);
  return renew(L, c);
}

/***
Sets the keys with which a server's session tickets are made and read, in the
place of the random one that each context has of its own. The first makes new
tickets, all of them read; who comes with a ticket of another than the first gets
a new one. The keys hold at once, for the connections that are there too, and stay
when `set` and `reload` renew the context.

Servers with the same keys and the same configuration resume each other's
sessions. To rotate them, give each server the new key as the second, then as the
first: see `doc/sessions.md`. A context in `server_names`, or one that a hook
chooses, has keys of its own.
@function set_ticket_keys
@tparam {string,...} keys 1 to 64, of `new_ticket_key`
@treturn[1] boolean true
@treturn[2] nil
@treturn[2] SSLError without memory, or with `max_early_data`
@raise on a client's context, and for what is no list of keys
@source RFC 5077; SSL_CTX_set_tlsext_ticket_key_evp_cb(3)
@usage context:set_ticket_keys {new, last, one_before}
*/
static int context_set_ticket_keys (lua_State *L) {
  Context *c = check(L, 1);
  lua_settop(L, 2);
  if (c->policy->ticket_keys == NULL)
    luaL_argerror(L, 1, "ticket keys are a server's");
  if (c->policy->early != NULL) return early_guard_refuse(L, "set_ticket_keys");
  return ticket_keys_set(L, c->policy->ticket_keys, 2);
}

/***
What looks wrong with the certificates that a context shows, though it can use
them. Dates are judged now, all else as it was loaded.

 - `"expired"`, `"not_yet_valid"`: a certificate, the leaf or one of its chain
 - `"incomplete"`: the last issuer is neither in the chain nor trusted, by this
   context or the system. Peers that lack it cannot verify: an intermediate is
   missing, as a rule. A root need not be sent
 - `"order"`: the key's certificate is not the first, or not each is followed
   by its issuer. They are sent in order nevertheless
 - `"replaced"`: another of `certificates` has a key of the same type and is
   used in its place
 - `"must_staple"`: the certificate demands an OCSP response, and there is none.
   Clients that look at that refuse it
 - `"ocsp_not_shown"`: the OCSP response (`ocsp_response`) is not of now, or its
   responder does not know the certificate. It is not shown
 - `"ocsp_revoked"`: the OCSP response says that the certificate was revoked

@function warnings
@treturn[1] {table,...} each with `kind`; `text`, a sentence for a log;
`option`, such as `"certfile"` or `"certificates[2].certfile"`; and `file`, nil
for a string. The list is empty if nothing is found
@treturn[2] nil
@treturn[2] SSLError without memory
@source RFC 8446, 4.4.2; RFC 5280, 4.1.2.5
@usage for _, warning in ipairs(context:warnings()) do print(warning.text) end
*/
static int context_warnings (lua_State *L) {
  Context *c = check(L, 1);
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  return warnings_push(L, c->ctx, 2, c->policy->defaults.server_side);
}

/* decides_name(context): whether it was told to check names, or not to. */
static int context_decides_name (lua_State *L) {
  lua_pushboolean(L, check(L, 1)->policy->name_decided);
  return 1;
}

static int context_gc (lua_State *L) {
  context_free((Context *)compat_checkudata(L, 1, CONTEXT_T));
  return 0;
}

static int context_tostring (lua_State *L) {
  Context *c = (Context *)compat_checkudata(L, 1, CONTEXT_T);
  const char *state = "collected";
  if (c->ctx != NULL)
    state = c->policy->defaults.server_side ? "server" : "client";
  lua_pushfstring(L, "SSLContext (%s)", state);
  return 1;
}

static int context_get_ca_certs (lua_State *L) {
  return context_trust_get_ca_certs(L, check(L, 1)->ctx);
}

static int context_store_stats (lua_State *L) {
  return context_trust_store_stats(L, check(L, 1)->ctx);
}

static const luaL_Reg methods[] = {
  {"cert_store_stats", context_store_stats},
  {"counters", context_counters},
  {"get", context_get},
  {"get_ca_certs", context_get_ca_certs},
  {"reload", context_reload},
  {"set", context_set},
  {"set_ticket_keys", context_set_ticket_keys},
  {"warnings", context_warnings},
  {NULL, NULL}
};

static const luaL_Reg metamethods[] = {
  {"__gc", context_gc},
  {"__tostring", context_tostring},
  {NULL, NULL}
};

static const luaL_Reg functions[] = {
  {"decides_name", context_decides_name},
  {"new", context_new},
  {NULL, NULL}
};

int context_open (lua_State *L) {
  pem_open(L);
  pkcs12_open(L);
  lua_newtable(L);
  compat_setfuncs(L, functions, 0);
  compat_newtype(L, CONTEXT_T);
  compat_setfuncs(L, methods, 0);
  lua_setfield(L, -3, "methods");
  compat_setfuncs(L, metamethods, 0);
  lua_pop(L, 1);
  return 1;
}
