/*
** luasec_socket.c -- a connection over a descriptor under LuaSec's names. It is
** an SSLSocket in all but its metatable: the same functions work on it, entered
** by another door, behind which errors are strings (luasec_words.c). So those
** of SSLSocket cost nothing for it. What LuaSec has and SSLSocket has not is
** here; what takes Lua is in luasec_connection.lua.
*/

#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include "base/errors.h"
#include "carrier/luasec_socket.h"
#include "carrier/sslsocket.h"
#include "connection/connection_type.h"
#include "connection/luasec_words.h"
#include "connection/opening.h"
#include "context/tlsa.h"
#include "x509/certificate.h"

/* ---- primitives of luasec_connection.lua; `self` is at index 1 ---- */

/* wrap(context, object, options): a connection, or nil and an error. */
static int primitive_wrap (lua_State *L) {
  Socket *s;
  context_check(L, 1);
  lua_settop(L, 3);
  s = sslsocket_push(L, LUASEC_T);
  return opening_wrap(L, &s->connection, 3, 0) > 0 ? 2 : 1;
}

/* words(self, error): LuaSec's string. */
static int primitive_words (lua_State *L, Connection *c) {
  lua_settop(L, 2);
  luasec_words_error(L, c);
  return 1;
}

/* notes(self): a table of the Lua file's. */
static int primitive_notes (lua_State *L, Connection *c) {
  (void)c;
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_NOTES);
  if (!lua_isnil(L, -1)) return 1;
  lua_pop(L, 1);
  lua_newtable(L);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, UV_NOTES);
  return 1;
}

/* The settings of a handshake are read when it begins. */
static int has_begun (const Connection *c) {
  return c->closed || c->ssl != NULL || c->context == NULL;
}

/* set_name(self, name): whom TLS is to speak to. True, or false when it is too
** late or no name. */
static int primitive_set_name (lua_State *L, Connection *c) {
  size_t size;
  const char *name = luaL_checklstring(L, 2, &size);
  Hostname parsed;
  const char *why;
  int done = !has_begun(c);
  memset(&parsed, 0, sizeof(parsed));
  if (done) {
    done = hostname_parse(name, size, &parsed, &why);
    c->name = parsed;
    if (!done) c->name.text[0] = '\0';
  }
  lua_pushboolean(L, done);
  return 1;
}

/* Whom the records are for, whatever name is sent. */
static int name_for_records (lua_State *L, Connection *c, const char *name,
                             size_t size) {
  const char *why;
  if (c->names == NULL) c->names = OPENSSL_zalloc(sizeof(*c->names));
  if (c->names == NULL) return luaL_error(L, "not enough memory");
  return hostname_parse(name, size, c->names, &why);
}

/* Without records there is no such name either. */
static int take_records_back (Connection *c, int n) {
  tlsa_free(c->tlsa);
  c->tlsa = NULL;
  OPENSSL_free(c->names);
  c->names = NULL;
  return n;
}

/* set_tlsa(self, records, name, names): the server has to match one of the
** records, and its certificate to be for the name, with `names` also where a
** record is for its own key. True; false when it is too late or they make no
** sense; or nil and an error, of kind "tlsa" when OpenSSL can use none. */
static int primitive_set_tlsa (lua_State *L, Connection *c) {
  size_t size;
  const char *name = luaL_checklstring(L, 3, &size);
  int number, done = !has_begun(c) && tlsa_problem(L, 2, &number) == NULL;
  lua_settop(L, 4);
  done = done && name_for_records(L, c, name, size);
  if (done) {
    tlsa_free(c->tlsa);
    c->tlsa = tlsa_new(compat_rawlen(L, 2));
    if (c->tlsa == NULL) return luaL_error(L, "not enough memory");
    if (tlsa_read(L, 2, c->context, c->tlsa) > 0)
      return take_records_back(c, 2);
    if (c->name.text[0] == '\0') c->name = c->names[0];
    c->options.check_hostname = 1;
    c->options.tlsa_check_hostname = lua_toboolean(L, 4);
  }
  else if (c->tlsa == NULL) take_records_back(c, 0);
  lua_pushboolean(L, done);
  return 1;
}

/* local_chain(self): the certificates that this side has to show. */
static int primitive_local_chain (lua_State *L, Connection *c) {
  STACK_OF(X509) *chain = NULL;
  X509 *own;
  int i;
  if (c->closed || !c->established)
    return errors_condition(L, "closed");
  own = SSL_get_certificate(c->ssl);
  lua_newtable(L);
  if (own == NULL) return 1;
  certificate_push(L, own);
  lua_rawseti(L, -2, 1);
  SSL_get0_chain_certs(c->ssl, &chain);
  for (i = 0; i < sk_X509_num(chain); i++) {
    certificate_push(L, sk_X509_value(chain, i));
    lua_rawseti(L, -2, i + 2);
  }
  return 1;
}

/* ---- methods ---- */

static int luasec_close (lua_State *L, Connection *c) {
  sslsocket_close(L, c);
  return 0;
}

/* "read" or "write"; "nothing": the last operation did not wait. */
static int luasec_want (lua_State *L, Connection *c) {
  if (c->want & WANT_WRITE || buffer_length(&c->bio.out) > 0)
    lua_pushliteral(L, "write");
  else if (c->want & WANT_READ) lua_pushliteral(L, "read");
  else lua_pushliteral(L, "nothing");
  return 1;
}

static void set_text (lua_State *L, const char *name, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, name);
}

/* What OpenSSL describes a cipher by: "NAME VERSION Kx=A Au=B Enc=C Mac=D". */
static void set_description (lua_State *L, const SSL_CIPHER *cipher) {
  static const char *const parts[][2] = {
    {"key", " Kx="}, {"authentication", " Au="}, {"encryption", " Enc="},
    {"mac", " Mac="}
  };
  char room[256];
  size_t i;
  const char *line = SSL_CIPHER_description(cipher, room, sizeof(room));
  if (line == NULL) return;
  for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    const char *found = strstr(line, parts[i][1]);
    if (found == NULL) continue;
    found += strlen(parts[i][1]);
    lua_pushlstring(L, found, strcspn(found, " \n"));
    lua_setfield(L, -2, parts[i][0]);
  }
}

/* info([field]): what was negotiated, in a table or one of it. */
static int luasec_info (lua_State *L, Connection *c) {
  const SSL_CIPHER *cipher;
  int bits, algorithm_bits;
  if (c->closed || !c->established) return errors_condition(L, "closed");
  cipher = SSL_get_current_cipher(c->ssl);
  bits = SSL_CIPHER_get_bits(cipher, &algorithm_bits);
  lua_settop(L, 2);
  lua_newtable(L);
  set_text(L, "cipher", SSL_CIPHER_get_name(cipher));
  set_text(L, "protocol", SSL_get_version(c->ssl));
  set_description(L, cipher);
  lua_pushinteger(L, bits);
  lua_setfield(L, -2, "bits");
  lua_pushinteger(L, algorithm_bits);
  lua_setfield(L, -2, "algbits");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "export");
  if (lua_isnil(L, 2)) return 1;
  lua_pushvalue(L, 2);
  lua_rawget(L, -2);
  return 1;
}

static int luasec_tostring (lua_State *L, Connection *c) {
  lua_pushfstring(L, "SSL connection: %p%s", (void *)c,
                  c->closed ? " (closed)" : "");
  return 1;
}

static const Method methods[] = {
  {"close", luasec_close, CLOSES, NULL},
  {"info", luasec_info, TELLS, NULL},
  {"want", luasec_want, TELLS, NULL},
  {NULL, NULL, TELLS, NULL}
};

static const Method metamethods[] = {
  {"__close", sslsocket_end_scope, CLOSES, NULL},
  {"__tostring", luasec_tostring, TELLS, NULL},
  {NULL, NULL, TELLS, NULL}
};

static const Method primitives[] = {
  {"local_chain", primitive_local_chain, TELLS, NULL},
  {"notes", primitive_notes, TELLS, NULL},
  {"set_name", primitive_set_name, CHANGES, NULL},
  {"set_tlsa", primitive_set_tlsa, CHANGES, NULL},
  {"words", primitive_words, TELLS, NULL},
  {NULL, NULL, TELLS, NULL}
};

void luasec_socket_open (lua_State *L) {
  int metatable = lua_gettop(L) + 2;
  lua_newtable(L);
  connection_type_open(L, LUASEC_T, sslsocket_methods, metamethods);
  luaL_getmetatable(L, LUASEC_T);
  lua_insert(L, metatable);
  method_add(L, methods, metatable, 0);
  method_speak_luasec(L);
  lua_setfield(L, metatable - 1, "methods");
  lua_pushvalue(L, metatable - 1);
  method_add(L, sslsocket_primitives, metatable, 0);
  method_add(L, primitives, metatable, 0);
  lua_settop(L, metatable - 1);
  lua_pushcfunction(L, primitive_wrap);
  lua_setfield(L, -2, "wrap");
}
