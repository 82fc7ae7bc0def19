/*
** settings.c -- the options of an SSLContext: all misuse raises here, before
** anything is opened.
*/

#include <string.h>

#include <openssl/ssl.h>

#include "options.h"
#include "quote.h"
#include "settings.h"

#define HANDSHAKE_TIMEOUT 30  /* seconds */
#define LINGER 5              /* seconds: the default and the most */
#define ALPN_NAME_MAX 255    /* RFC 7301, 3.1 */
#define ALPN_LIST_MAX 65535
#define TICKETS_MAX 100

typedef struct Version {
  const char *name;
  int value;
} Version;

static const Version versions[] = {
  {"TLSv1", TLS1_VERSION},
  {"TLSv1.1", TLS1_1_VERSION},
  {"TLSv1.2", TLS1_2_VERSION},
  {"TLSv1.3", TLS1_3_VERSION}
};

#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

static const char *const known[] = {
  "alpn_protocols", "alpn_strict", "ca_certs", "ca_data", "ca_path", "cert",
  "cert_reqs", "certfile", "check_hostname", "ciphers", "ciphersuites",
  "groups", "handshake_timeout", "key", "keyfile", "linger",
  "maximum_version", "minimum_version", "nodelay", "num_tickets", "on_certificate",
  "on_client_hello", "on_verify", "password", "pins", "server_names",
  "server_side", "session_cache", "session_id_context", "sigalgs",
  "ssl_version", "suppress_ragged_eofs", "system_trust", NULL
};

void settings_check (lua_State *L, int options, const char *const *more) {
  options_check(L, options, known, more);
}

const char *settings_version_name (int value) {
  size_t i;
  for (i = 0; i < VERSIONS; i++)
    if (versions[i].value == value) return versions[i].name;
  return NULL;
}

/* The table of options */

static int is_set (lua_State *L, int options, const char *name) {
  int type = options_push(L, options, name);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

/* Replaces the list at the top by a copy: nobody shall change ours. */
static void copy_list (lua_State *L, const char *name) {
  int i, n = (int)compat_rawlen(L, -1), pairs = 0;
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) pairs++;
  if (pairs != n) options_raise(L, name, "must be a list");
  lua_createtable(L, n, 0);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -2, i);
    lua_rawseti(L, -2, i);
  }
  lua_replace(L, -2);
}

static void drop (lua_State *L, int options, const char *name) {
  lua_pushnil(L);
  lua_setfield(L, options, name);
}

/* Some options exclude or need each other: those that were set before give
** way to those that are set now. */
static void make_way (lua_State *L, int options, int to) {
  if (is_set(L, options, "cert") || is_set(L, options, "certfile") ||
      is_set(L, options, "key") || is_set(L, options, "keyfile")) {
    drop(L, to, "cert");
    drop(L, to, "certfile");
    drop(L, to, "key");
    drop(L, to, "keyfile");
    drop(L, to, "password");
  }
  if (is_set(L, options, "ssl_version")) {
    drop(L, to, "minimum_version");
    drop(L, to, "maximum_version");
  }
  else if (is_set(L, options, "minimum_version") ||
           is_set(L, options, "maximum_version"))
    drop(L, to, "ssl_version");
}

void settings_merge (lua_State *L, int from, int to) {
  const char *const *name;
  make_way(L, from, to);
  for (name = known; *name != NULL; name++) {
    int type = options_push(L, from, *name);
    if (type == LUA_TTABLE && strcmp(*name, "server_names") != 0)
      copy_list(L, *name);
    if (type == LUA_TNIL) lua_pop(L, 1);
    else lua_setfield(L, to, *name);
  }
}

/* What the options say */

static void exclude (lua_State *L, int options, const char *name,
                     const char *other) {
  if (is_set(L, options, name) && is_set(L, options, other))
    options_raise(L, name, "and option '%s' exclude each other", other);
}

static void read_identity (lua_State *L, int options) {
  size_t size;
  int type = options_push(L, options, "password");
  lua_pop(L, 1);
  if (type != LUA_TNIL && type != LUA_TSTRING && type != LUA_TFUNCTION)
    options_raise(L, "password", "must be a string or a function, not a %s",
                  lua_typename(L, type));
  options_string(L, options, "certfile", NULL);
  options_string(L, options, "keyfile", NULL);
  options_string(L, options, "cert", &size);
  options_string(L, options, "key", &size);
  exclude(L, options, "certfile", "cert");
  exclude(L, options, "keyfile", "key");
  if (is_set(L, options, "certfile") || is_set(L, options, "cert")) return;
  if (is_set(L, options, "keyfile"))
    options_raise(L, "keyfile", "needs option 'certfile'");
  if (is_set(L, options, "key"))
    options_raise(L, "key", "needs option 'cert'");
  if (is_set(L, options, "password"))
    options_raise(L, "password", "needs option 'certfile' or 'cert'");
}

static void read_trust (lua_State *L, int options, Settings *s) {
  size_t size;
  Policy *p = &s->policy;
  if (options_string(L, options, "ca_certs", NULL) != NULL) s->own_trust = 1;
  if (options_string(L, options, "ca_path", NULL) != NULL) s->own_trust = 1;
  if (options_string(L, options, "ca_data", &size) != NULL) s->own_trust = 1;
  s->system_trust = options_boolean(L, options, "system_trust", 0);
  p->server_side = options_boolean(L, options, "server_side", 0);
  p->cert_reqs = options_integer(L, options, "cert_reqs", CERT_NONE,
                                 CERT_REQUIRED, CERT_NONE);
  p->check_hostname = options_boolean(L, options, "check_hostname", 0);
  if (!p->check_hostname) return;
  if (p->server_side)
    options_raise(L, "check_hostname", "is for clients, not with server_side");
  if (p->cert_reqs == CERT_NONE)
    options_raise(L, "check_hostname", "needs a cert_reqs other than "
                  "CERT_NONE");
}

static int read_version (lua_State *L, int options, const char *name) {
  const char *text = options_string(L, options, name, NULL);
  char room[QUOTE_ROOM];
  size_t i;
  if (text == NULL) return 0;
  for (i = 0; i < VERSIONS; i++)
    if (strcmp(versions[i].name, text) == 0) return versions[i].value;
  return options_raise(L, name, "must be \"TLSv1\", \"TLSv1.1\", \"TLSv1.2\" "
                       "or \"TLSv1.3\", not %s", quote_text(room, text));
}

static void read_versions (lua_State *L, int options, Settings *s) {
  exclude(L, options, "ssl_version", "minimum_version");
  exclude(L, options, "ssl_version", "maximum_version");
  s->ssl_version = options_integer(L, options, "ssl_version", SSLV2, TLSV1_3,
                                   -1);
  s->minimum = read_version(L, options, "minimum_version");
  s->maximum = read_version(L, options, "maximum_version");
  s->has_minimum = s->minimum != 0 || s->ssl_version >= 0;
  if (s->ssl_version == SSLV23) s->minimum = TLS1_VERSION;
  else if (s->ssl_version >= TLSV1)
    s->minimum = s->maximum = versions[s->ssl_version - TLSV1].value;
  else if (s->minimum == 0) s->minimum = TLS1_2_VERSION;
  if (s->maximum == 0 || s->minimum <= s->maximum) return;
  if (s->has_minimum)
    options_raise(L, "minimum_version", "is above option 'maximum_version'");
  options_raise(L, "maximum_version", "is below TLSv1.2, which is the minimum "
                "unless option 'minimum_version' lowers it");
}

/* The size of option alpn_protocols on the wire. */
static size_t read_protocols (lua_State *L, int options) {
  size_t size = 0;
  int i, n, type = options_push(L, options, "alpn_protocols");
  if (type != LUA_TNIL && type != LUA_TTABLE)
    options_raise(L, "alpn_protocols", "must be a list of strings, not a %s",
                  lua_typename(L, type));
  n = type == LUA_TNIL ? 0 : (int)compat_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    size_t length = 0;
    const char *text = NULL;
    lua_rawgeti(L, -1, i);
    if (lua_type(L, -1) == LUA_TSTRING) text = lua_tolstring(L, -1, &length);
    if (length == 0 || length > ALPN_NAME_MAX)
      options_raise(L, "alpn_protocols", "must hold strings of 1 to %d bytes: "
                    "number %d is not one", ALPN_NAME_MAX, i);
    if (quote_is_key(text, length))  /* it would be sent in clear */
      options_raise(L, "alpn_protocols", "must hold names: number %d looks "
                    "like a key", i);
    size += 1 + length;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  if (size > ALPN_LIST_MAX)
    options_raise(L, "alpn_protocols", "has more than %d bytes",
                  ALPN_LIST_MAX);
  return size;
}

static void read_pins (lua_State *L, int options) {
  int i, n, type = options_push(L, options, "pins");
  if (type != LUA_TNIL && type != LUA_TTABLE)
    options_raise(L, "pins", "must be a list of strings, not a %s",
                  lua_typename(L, type));
  n = type == LUA_TNIL ? 1 : (int)compat_rawlen(L, -1);
  if (n == 0) options_raise(L, "pins", "is empty: nothing would be accepted");
  for (i = 1; type == LUA_TTABLE && i <= n; i++) {
    lua_rawgeti(L, -1, i);
    if (lua_type(L, -1) != LUA_TSTRING)
      options_raise(L, "pins", "must hold strings: number %d is a %s", i,
                    luaL_typename(L, -1));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* The bit if a function, or a table, is set. */
static int read_hook (lua_State *L, int options, const char *name, int wanted,
                      int bit) {
  int type = options_push(L, options, name);
  lua_pop(L, 1);
  if (type == LUA_TNIL) return 0;
  if (type != wanted)
    options_raise(L, name, "must be a %s, not a %s", lua_typename(L, wanted),
                  lua_typename(L, type));
  return bit;
}

static void server_only (lua_State *L, int options, const char *name,
                         const Policy *p) {
  if (!p->server_side && is_set(L, options, name))
    options_raise(L, name, "is for servers: set server_side");
}

static void read_hooks (lua_State *L, int options, Policy *p) {
  p->hooks = read_hook(L, options, "on_client_hello", LUA_TFUNCTION,
                       HOOK_CLIENT_HELLO)
    | read_hook(L, options, "on_certificate", LUA_TFUNCTION, HOOK_CERTIFICATE)
    | read_hook(L, options, "on_verify", LUA_TFUNCTION, HOOK_VERIFY)
    | read_hook(L, options, "server_names", LUA_TTABLE, HOOK_SERVER_NAMES);
  server_only(L, options, "on_client_hello", p);
  server_only(L, options, "server_names", p);
}

static void read_sessions (lua_State *L, int options, Settings *s) {
  const Policy *p = &s->policy;
  size_t size;
  s->session_cache = options_boolean(L, options, "session_cache",
                                     p->server_side);
  s->num_tickets = options_integer(L, options, "num_tickets", 0, TICKETS_MAX,
                                   -1);
  options_string(L, options, "session_id_context", &size);
  server_only(L, options, "num_tickets", p);
  server_only(L, options, "session_id_context", p);
  server_only(L, options, "alpn_strict", p);
}

double settings_linger (lua_State *L, int options, double absent) {
  double linger = options_number(L, options, "linger", absent);
  return linger < LINGER ? linger : LINGER;
}

void settings_read (lua_State *L, int options, Settings *s) {
  Policy *p = &s->policy;
  memset(s, 0, sizeof(*s));
  read_identity(L, options);
  read_trust(L, options, s);
  read_versions(L, options, s);
  s->protocols_size = read_protocols(L, options);
  s->ciphers = options_string(L, options, "ciphers", NULL);
  s->ciphersuites = options_string(L, options, "ciphersuites", NULL);
  s->groups = options_string(L, options, "groups", NULL);
  s->sigalgs = options_string(L, options, "sigalgs", NULL);
  s->alpn_strict = options_boolean(L, options, "alpn_strict", 1);
  read_pins(L, options);
  read_hooks(L, options, p);
  read_sessions(L, options, s);
  p->nodelay = options_boolean(L, options, "nodelay", 1);
  p->suppress_ragged_eofs = options_boolean(L, options,
                                            "suppress_ragged_eofs", 0);
  p->handshake_timeout = options_number(L, options, "handshake_timeout",
                                        HANDSHAKE_TIMEOUT);
  if (p->handshake_timeout <= 0)
    options_raise(L, "handshake_timeout", "must be above 0 seconds");
  p->linger = settings_linger(L, options, LINGER);
}

static void write_boolean (lua_State *L, int options, const char *name,
                           int value) {
  lua_pushboolean(L, value);
  lua_setfield(L, options, name);
}

static void write_seconds (lua_State *L, int options, const char *name,
                           int absent) {
  if (is_set(L, options, name)) return;
  lua_pushinteger(L, absent);
  lua_setfield(L, options, name);
}

void settings_write (lua_State *L, int options, const Settings *s) {
  const Policy *p = &s->policy;
  write_boolean(L, options, "check_hostname", p->check_hostname);
  write_boolean(L, options, "nodelay", p->nodelay);
  write_boolean(L, options, "session_cache", s->session_cache);
  write_boolean(L, options, "server_side", p->server_side);
  write_boolean(L, options, "suppress_ragged_eofs", p->suppress_ragged_eofs);
  write_boolean(L, options, "system_trust", s->system_trust);
  lua_pushinteger(L, p->cert_reqs);
  lua_setfield(L, options, "cert_reqs");
  write_seconds(L, options, "handshake_timeout", HANDSHAKE_TIMEOUT);
  write_seconds(L, options, "linger", LINGER);
}
