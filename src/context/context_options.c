/*
** context_options.c -- the options of an SSLContext: all misuse raises here,
** before anything is opened.
*/

#include <string.h>

#include <openssl/ssl.h>

#include "context/options.h"
#include "context/context_options.h"
#include "context/psk.h"

#define LINGER_MAX 5  /* seconds */
#define ALPN_LIST_MAX 65535

static const int version_numbers[OPTION_VERSIONS] = {
  TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION
};

const char *context_options_version_name (int value) {
  int i;
  for (i = 0; i < OPTION_VERSIONS; i++)
    if (version_numbers[i] == value) return option_versions[i];
  return NULL;
}

static int is_set (lua_State *L, int options, const char *name) {
  int type = options_push(L, options, name);
  lua_pop(L, 1);
  return type != LUA_TNIL;
}

static void exclude (lua_State *L, int options, const char *name,
                     const char *const *others) {
  if (!is_set(L, options, name)) return;
  for (; *others != NULL; others++)
    if (is_set(L, options, *others))
      options_raise(L, name, "and option '%s' exclude each other", *others);
}

/* What belongs together. 1: there is a certificate. */
static int check_identity (lua_State *L, int options) {
  static const char *const pair[] = {
    "cert", "certfile", "key", "key_uri", "keyfile", NULL
  };
  static const char *const single[] = {
    "cert", "certfile", "key", "key_uri", "keyfile", "pkcs12", "pkcs12_file",
    NULL
  };
  exclude(L, options, "certificates", single);
  exclude(L, options, "pkcs12", pair);
  exclude(L, options, "pkcs12_file", pair);
  if (is_set(L, options, "certfile") || is_set(L, options, "cert")) return 1;
  if (is_set(L, options, "keyfile"))
    options_raise(L, "keyfile", "needs option 'certfile'");
  if (is_set(L, options, "key"))
    options_raise(L, "key", "needs option 'cert'");
  if (is_set(L, options, "key_uri"))
    options_raise(L, "key_uri", "needs option 'certfile' or 'cert'");
  if (is_set(L, options, "pkcs12") || is_set(L, options, "pkcs12_file")
      || is_set(L, options, "certificates")) return 1;
  if (is_set(L, options, "password"))
    options_raise(L, "password", "needs option 'certfile' or 'cert'");
  return 0;
}

/* The same in each table of the option certificates. */
static void check_identities (lua_State *L, int options) {
  int list = lua_gettop(L) + 1, i, n = 0;
  check_identity(L, options);
  if (options_push(L, options, "certificates") == LUA_TTABLE)
    n = (int)compat_rawlen(L, list);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);
    options_check_exclusion(L, list + 1);
    if (!check_identity(L, list + 1))
      options_raise(L, "certificates", "number %d has no certificate: it needs "
                    "option 'certfile', 'cert', 'pkcs12_file' or 'pkcs12'", i);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void read_trust (lua_State *L, int options, Settings *s) {
  Policy *p = &s->policy;
  s->ca_path = options_string(L, options, "ca_path", NULL);
  s->own_trust = s->ca_path != NULL || is_set(L, options, "ca_certs")
                 || is_set(L, options, "ca_data");
  s->system_trust = options_boolean(L, options, "system_trust", 0);
  p->trusts = s->own_trust || s->system_trust;
  p->cert_reqs = options_integer(L, options, "cert_reqs", CERT_NONE);
  p->defaults.check_hostname = options_boolean(L, options, "check_hostname", 0);
  if (p->defaults.check_hostname && p->cert_reqs == CERT_NONE)
    options_raise(L, "check_hostname", "needs a cert_reqs other than "
                  "CERT_NONE");
}

static int read_version (lua_State *L, int options, const char *name) {
  const char *text = options_string(L, options, name, NULL);
  int i;
  for (i = 0; text != NULL && i < OPTION_VERSIONS; i++)
    if (strcmp(option_versions[i], text) == 0) return version_numbers[i];
  return 0;
}

static void read_versions (lua_State *L, int options, Settings *s) {
  s->ssl_version = options_integer(L, options, "ssl_version", -1);
  s->minimum = read_version(L, options, "minimum_version");
  s->maximum = read_version(L, options, "maximum_version");
  if (s->minimum == 0 && s->ssl_version < 0 && s->negotiation.profile != NULL)
    s->minimum = s->negotiation.profile->minimum;
  s->has_minimum = s->minimum != 0 || s->ssl_version >= 0;
  if (s->ssl_version == SSLV23) s->minimum = TLS1_VERSION;
  else if (s->ssl_version >= TLSV1)
    s->minimum = s->maximum = version_numbers[s->ssl_version - TLSV1];
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
  int i, type = options_push(L, options, "alpn_protocols");
  int n = type == LUA_TNIL ? 0 : (int)compat_rawlen(L, -1);
  for (i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    size += 1 + compat_rawlen(L, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  if (size > ALPN_LIST_MAX)
    options_raise(L, "alpn_protocols", "has more than %d bytes",
                  ALPN_LIST_MAX);
  return size;
}

/* A profile's, where nothing else is said. */
static void read_ciphers (lua_State *L, int options, Settings *s) {
  const Profile *profile = s->negotiation.profile;
  s->ciphers = options_string(L, options, "ciphers", NULL);
  s->ciphersuites = options_string(L, options, "ciphersuites", NULL);
  s->groups = options_string(L, options, "groups", NULL);
  if (profile == NULL) return;
  if (s->ciphers == NULL) s->ciphers = profile->ciphers;
  if (s->ciphersuites == NULL) s->ciphersuites = profile->ciphersuites;
}

static void check_pins (lua_State *L, int options) {
  int type = options_push(L, options, "pins");
  if (type == LUA_TTABLE && compat_rawlen(L, -1) == 0)
    options_raise(L, "pins", "is empty: nothing would be accepted");
  lua_pop(L, 1);
}

static int read_hooks (lua_State *L, int options) {
  int hooks = 0;
  if (options_push(L, options, "psk") == LUA_TFUNCTION) hooks |= HOOK_PSK;
  lua_pop(L, 1);
  if (is_set(L, options, "on_client_hello")) hooks |= HOOK_CLIENT_HELLO;
  if (is_set(L, options, "on_certificate")) hooks |= HOOK_CERTIFICATE;
  if (is_set(L, options, "on_verify")) hooks |= HOOK_VERIFY;
  if (is_set(L, options, "server_names")) hooks |= HOOK_SERVER_NAMES;
  return hooks;
}

static void read_psk (lua_State *L, int options, Policy *p) {
  psk_check(L, options, p->defaults.server_side);
  p->psk_authenticates = options_boolean(L, options, "psk_authenticates", 0);
  if (p->psk_authenticates && !is_set(L, options, "psk"))
    options_raise(L, "psk_authenticates", "needs option 'psk'");
}

/* Three functions that are of no use without each other. */
static int read_store (lua_State *L, int options, const Settings *s) {
  static const char *const names[] = {
    "get_session", "put_session", "remove_session"
  };
  int i, given = 0;
  for (i = 0; i < 3; i++) given += is_set(L, options, names[i]);
  if (given == 0) return 0;
  for (i = 0; i < 3; i++)
    if (!is_set(L, options, names[i]))
      options_raise(L, names[i], "is missing: get_session, put_session and "
                    "remove_session belong together");
  if (!s->session_cache)
    options_raise(L, "get_session", "is of no use with session_cache = false");
  return 1;
}

double context_options_linger (lua_State *L, int options, double absent) {
  double linger = options_number(L, options, "linger", absent);
  return linger < LINGER_MAX ? linger : LINGER_MAX;
}

void context_options_read (lua_State *L, int options, Settings *s) {
  Policy *p = &s->policy;
  memset(s, 0, sizeof(*s));
  p->name_decided = is_set(L, options, "check_hostname");
  certificate_types_read(L, options, p, &s->types);
  options_complete(L, options, OF_CONTEXT);
  p->defaults.server_side = options_boolean(L, options, "server_side", 0);
  options_check_exclusion(L, options);
  options_check_side(L, options, OF_CONTEXT, p->defaults.server_side);
  check_identities(L, options);
  check_pins(L, options);
  negotiation_read(L, options, p->defaults.server_side, &s->negotiation);
  read_trust(L, options, s);
  read_versions(L, options, s);
  s->protocols_size = read_protocols(L, options);
  read_ciphers(L, options, s);
  s->sigalgs = options_string(L, options, "sigalgs", NULL);
  s->alpn_strict = options_boolean(L, options, "alpn_strict", 1);
  s->session_cache = options_boolean(L, options, "session_cache",
                                     p->defaults.server_side);
  s->max_early_data = options_integer(L, options, "max_early_data", 0);
  s->num_tickets = options_integer(L, options, "num_tickets", -1);
  p->hooks = read_hooks(L, options);
  read_psk(L, options, p);
  p->tells_sessions = is_set(L, options, "on_session");
  p->stores = read_store(L, options, s);
  s->post_handshake_auth = options_boolean(L, options, "post_handshake_auth",
                                           0);
  p->puts_off = s->post_handshake_auth && p->defaults.server_side;
  p->defaults.nodelay = options_boolean(L, options, "nodelay", 1);
  p->defaults.suppress_ragged_eofs = options_boolean(L, options,
                                            "suppress_ragged_eofs", 0);
  p->defaults.handshake_timeout = options_number(L, options,
                                                 "handshake_timeout", 0);
  p->defaults.record_size = negotiation_record_size(L, options, RECORD_FULL);
  p->defaults.linger = context_options_linger(L, options, LINGER_MAX);
  lua_pushboolean(L, s->session_cache);
  lua_setfield(L, options, "session_cache");
}
