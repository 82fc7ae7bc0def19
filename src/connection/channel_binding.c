/*
** channel_binding.c -- what only the two ends of one connection know of it:
** channel bindings, keys for other protocols, the Finished messages.
*/

#include <string.h>

#include <openssl/err.h>

#include "base/errors.h"
#include "connection/channel_binding.h"
#include "connection/method_prologue.h"
#include "connection/shared_key.h"
#include "connection/ticket_data.h"
#include "context/options.h"

/***
@page SSLSocket SSLObject SSLStream
@group What is known
*/

#define EXPORTER_LABEL "EXPORTER-Channel-Binding"  /* RFC 9266, 2 */
#define EXPORTER_SIZE 32
#define LENGTH_MAX 4096     /* bytes of keying material */
#define LABEL_MAX 249       /* RFC 8446, 7.1: "tls13 " comes before it */
#define CONTEXT_MAX 0xffff  /* RFC 5705, 4: its length has two bytes */

typedef struct Bytes {
  size_t size;
  unsigned char data[EVP_MAX_MD_SIZE];
} Bytes;

/* 0, or the number of values with which a fact that is not known answers. */
static int push_unknown (lua_State *L, const Connection *c) {
  if (c->closed) return errors_condition(L, "closed");
  if (c->established) return 0;
  lua_pushnil(L);
  return 1;
}

/* 1: the bytes, nil if there are none. */
static int push_bytes (lua_State *L, const Bytes *b) {
  if (b->size == 0) lua_pushnil(L);
  else lua_pushlstring(L, (const char *)b->data, b->size);
  return 1;
}

/* ---- the server's certificate ---- */

/* RFC 5929, 4.1: by the hash of its signature, SHA-256 for older ones. There
** is none for a signature without one, as Ed25519's. 0: no memory. */
static int hash_certificate (const X509 *x509, Bytes *b) {
  int nid = NID_undef;
  unsigned int size = 0;
  const EVP_MD *md;
  b->size = 0;
  if (x509 == NULL
      || !X509_get_signature_info((X509 *)x509, &nid, NULL, NULL, NULL)
      || nid == NID_undef) return 1;
  if (nid == NID_md5 || nid == NID_sha1 || nid == NID_md5_sha1)
    nid = NID_sha256;
  md = EVP_get_digestbynid(nid);
  if (md == NULL) return 1;
  if (!X509_digest(x509, md, b->data, &size)) return 0;
  b->size = size;
  return 1;
}

/* NULL: its public key alone was. */
static X509 *shown_by_server (SSL *ssl) {
  return compat_is_key(ssl, 1) ? NULL : SSL_get_certificate(ssl);
}

int channel_binding_hash (SSL *ssl, unsigned char *hash, size_t *size) {
  Bytes b;
  if (!hash_certificate(shown_by_server(ssl), &b)) return 0;
  memcpy(hash, b.data, b.size);
  *size = b.size;
  return 1;
}

/* When OpenSSL has failed it does not tell any more. */
void channel_binding_note (Connection *c) {
  c->extended_master = SSL_get_extms_support(c->ssl) == 1;
}

/* What a resumed session remembers. */
static void recall (SSL *ssl, Bytes *b) {
  TicketData data;
  SSL_SESSION *session = SSL_get_session(ssl);
  b->size = 0;
  if (session == NULL || !ticket_data_read(session, &data)) return;
  memcpy(b->data, data.hash, data.hash_size);
  b->size = data.hash_size;
}

static int find_server_end_point (Connection *c, Bytes *b) {
  if (!c->options.server_side)
    return hash_certificate(SSL_get0_peer_certificate(c->ssl), b);
  b->size = 0;
  if (shared_key_alone(c)) return 1;
  if (!SSL_session_reused(c->ssl))
    return hash_certificate(shown_by_server(c->ssl), b);
  recall(c->ssl, b);
  return 1;
}

/* ---- Finished ---- */

static void find_finished (const Connection *c, int own, Bytes *b) {
  b->size = 0;
  if (SSL_version(c->ssl) >= TLS1_3_VERSION) return;
  b->size = own ? SSL_get_finished(c->ssl, b->data, sizeof(b->data))
                : SSL_get_peer_finished(c->ssl, b->data, sizeof(b->data));
}

/* RFC 5929, 3.1: the first one is the client's, after a resumption the
** server's. Both ends of a resumed session may have another one's, without RFC
** 7627: with someone between them the two may be equal all the same. */
static int find_unique (Connection *c, Bytes *b) {
  int resumed = SSL_session_reused(c->ssl);
  b->size = 0;
  if (!resumed || c->extended_master)
    find_finished(c, resumed == c->options.server_side, b);
  return 1;
}

/* ---- exporters ---- */

/* RFC 9266, 3: before TLS 1.3 the master secret has to be this connection's
** alone. */
static int find_exporter (Connection *c, Bytes *b) {
  b->size = 0;
  if (SSL_version(c->ssl) < TLS1_3_VERSION && !c->extended_master) return 1;
  if (SSL_export_keying_material(c->ssl, b->data, EXPORTER_SIZE,
                                 EXPORTER_LABEL, sizeof(EXPORTER_LABEL) - 1,
                                 (const unsigned char *)"", 0, 1) != 1)
    return 0;
  b->size = EXPORTER_SIZE;
  return 1;
}

/* ---- methods ---- */

/***
What a protocol inside TLS binds its authentication to, so that nobody can
relay that to another connection (SCRAM-SHA-256-PLUS and others). Both ends get
the same bytes:

 - `"tls-exporter"`: keying material of this connection. In TLS 1.2 there is
   none without the extension extended_master_secret
 - `"tls-server-end-point"`: the hash of the server's certificate, also after a
   resumption. Of certificates signed without a hash (Ed25519) there is none
 - `"tls-unique"`: the first Finished message of the handshake, in TLS 1.2 and
   before. After a resumption there is none without extended_master_secret

@function get_channel_binding
@tparam string kind one of these
@treturn[1] string bytes
@treturn[2] nil there is none of this kind, or before the handshake
@treturn[3] nil
@treturn[3] string|SSLError `"closed"`, or a failure
@raise for another kind
@source RFC 9266; RFC 5929; Python 3.3, SSLSocket.get_channel_binding
@usage local binding = conn:get_channel_binding "tls-server-end-point"
*/
static int binding_get (lua_State *L, Connection *c) {
  static const char *const kinds[] = {
    "tls-exporter", "tls-server-end-point", "tls-unique", NULL
  };
  static int (*const find[]) (Connection *c, Bytes *b) = {
    find_exporter, find_server_end_point, find_unique
  };
  Bytes b;
  int kind, n;
  luaL_checkstring(L, 2);
  kind = options_choice(L, 2, NULL, kinds);
  n = push_unknown(L, c);
  if (n > 0) return n;
  errors_clear();
  if (!find[kind](c, &b))
    return errors_fail(L, "get_channel_binding", NULL);
  errors_clear();
  return push_bytes(L, &b);
}

static const char *check_text (lua_State *L, int index, size_t most,
                               size_t *size) {
  const char *text = luaL_checklstring(L, index, size);
  if (*size > most)
    luaL_argerror(L, index, lua_pushfstring(L, "longer than %d bytes",
                                            (int)most));
  return text;
}

static size_t check_length (lua_State *L, int index) {
  lua_Number n = luaL_checknumber(L, index);
  if (!(n >= 1 && n <= LENGTH_MAX) || n != (lua_Number)(size_t)n)
    luaL_argerror(L, index, lua_pushfstring(L, "integer from 1 to %d expected",
                                            LENGTH_MAX));
  return (size_t)n;
}

/***
Makes a key for another protocol of this connection's secrets. Both ends get
the same bytes for the same arguments, and nobody else does. The result is as
secret as the connection. In TLS 1.2 it belongs to no other connection only if
extended_master_secret was negotiated, as all current implementations do.
@function export_keying_material
@tparam string label says what for; registered ones begin with `"EXPORTER"`,
`"EXPERIMENTAL"` needs no registration
@tparam integer length bytes, 1 to 4096
@tparam[opt] string context further bytes that the key depends on, up to 65535;
in TLS 1.2 none differs from an empty one
@treturn[1] string `length` bytes
@treturn[2] nil before the handshake
@treturn[3] nil
@treturn[3] string|SSLError `"closed"`, or a failure: a label that TLS 1.2
uses itself
@raise on wrong types or lengths
@source RFC 8446, 7.5; RFC 5705; SSL_export_keying_material(3)
@usage local key = conn:export_keying_material("EXPERIMENTAL-my-protocol", 32)
*/
static int binding_export (lua_State *L, Connection *c) {
  size_t label_size, context_size = 0;
  const char *label = check_text(L, 2, LABEL_MAX, &label_size);
  size_t length = check_length(L, 3);
  const char *context = NULL;
  unsigned char *out;
  int n, done;
  luaL_argcheck(L, label_size > 0, 2, "must not be empty");
  if (!lua_isnoneornil(L, 4))
    context = check_text(L, 4, CONTEXT_MAX, &context_size);
  n = push_unknown(L, c);
  if (n > 0) return n;
  out = lua_newuserdata(L, length);
  errors_clear();
  done = SSL_export_keying_material(c->ssl, out, length, label, label_size,
                                    (const unsigned char *)context,
                                    context_size, context != NULL);
  if (done != 1) return errors_fail(L, "export_keying_material", NULL);
  errors_clear();
  lua_pushlstring(L, (const char *)out, length);
  OPENSSL_cleanse(out, length);
  return 1;
}

/***
The Finished message that one side of the handshake has sent. TLS 1.3 has none
that identifies the connection: see `get_channel_binding`.
@function finished
@tparam string whose `"own"` or `"peer"`
@treturn[1] string 12 bytes
@treturn[2] nil in TLS 1.3, or before the handshake
@raise for anything else
@source RFC 5246, 7.4.9; SSL_get_finished(3)
@usage local bytes = conn:finished "own"  -- there it is finished "peer"
*/
static int binding_finished (lua_State *L, Connection *c) {
  static const char *const sides[] = {"peer", "own", NULL};
  Bytes b;
  int own, n;
  luaL_checkstring(L, 2);
  own = options_choice(L, 2, NULL, sides);
  n = push_unknown(L, c);
  if (n > 0) return n;
  find_finished(c, own, &b);
  return push_bytes(L, &b);
}

void channel_binding_methods (lua_State *L, int metatable, int shared) {
  static const Method methods[] = {
    {"export_keying_material", binding_export, TELLS, NULL},
    {"finished", binding_finished, TELLS, NULL},
    {"get_channel_binding", binding_get, TELLS, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  method_add(L, methods, metatable, shared);
}
