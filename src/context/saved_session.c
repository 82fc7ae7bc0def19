/*
** saved_session.c -- SSLSessions as bytes, for another process.
**
** A session holds keys, the peer's certificate and the verdict on it: who could
** write one would decide whom we believe. So it is sealed under the caller's key.
** Inside are the digest that it is bound to, the chain that was verified, and
** OpenSSL's own form.
*/

#include <stdint.h>
#include <string.h>

#include "base/errors.h"
#include "base/seal.h"
#include "context/saved_session.h"
#include "context/session.h"

/***
@page SSLSession
@group Methods
*/

#define MARK "LuaSSL session 1\n"  /* in front, and what it is sealed as */
#define MARK_SIZE (sizeof(MARK) - 1)
#define LENGTH 4                   /* bytes of a length */
#define CHAIN_MAX 100

static const unsigned char *check_key (lua_State *L, int index) {
  size_t size;
  const char *key = luaL_checklstring(L, index, &size);
  if (size != SEAL_KEY_SIZE)
    luaL_argerror(L, index, "key of 32 bytes expected (ssl.RAND_bytes(32))");
  return (const unsigned char *)key;
}

/* ---- lengths, then as many bytes ---- */

static unsigned char *put_length (unsigned char *p, size_t size) {
  p[0] = (unsigned char)(size >> 24);
  p[1] = (unsigned char)(size >> 16);
  p[2] = (unsigned char)(size >> 8);
  p[3] = (unsigned char)size;
  return p + LENGTH;
}

static unsigned char *put_time (unsigned char *p, double time) {
  uint64_t seconds = time > 0 ? (uint64_t)time : 0;
  p = put_length(p, (size_t)(seconds >> 32));
  return put_length(p, (size_t)(seconds & 0xffffffff));
}

/* What is left to read. */
typedef struct Reader {
  const unsigned char *p;
  size_t left;
} Reader;

/* `size` bytes; NULL: there are not as many. */
static const unsigned char *take (Reader *r, size_t size) {
  const unsigned char *p = r->p;
  if (r->left < size) return NULL;
  r->p += size;
  r->left -= size;
  return p;
}

static int take_length (Reader *r, size_t *size) {
  const unsigned char *p = take(r, LENGTH);
  if (p == NULL) return 0;
  *size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
  return 1;
}

static int take_time (Reader *r, double *time) {
  size_t high, low;
  if (!take_length(r, &high) || !take_length(r, &low)) return 0;
  *time = (double)high * 4294967296.0 + (double)low;
  return 1;
}

/* ---- saving ---- */

/* 0: it cannot be written. */
static size_t text_size (SSL_SESSION *session, STACK_OF(X509) *chain) {
  size_t total = DIGEST_SIZE + 3 * LENGTH;
  int i, size = i2d_SSL_SESSION(session, NULL);
  if (size <= 0) return 0;
  total += (size_t)size;
  for (i = 0; i < sk_X509_num(chain); i++) {
    size = i2d_X509(sk_X509_value(chain, i), NULL);
    if (size <= 0) return 0;
    total += LENGTH + (size_t)size;
  }
  return total;
}

/* 0, where a part is not what it was a moment ago. */
static int write_text (unsigned char *p, size_t room, SSL_SESSION *session,
                       STACK_OF(X509) *chain) {
  unsigned char *end = p + room;
  int i, n = chain != NULL ? sk_X509_num(chain) : 0;
  memcpy(p, session_digest(session), DIGEST_SIZE);
  p = put_time(p + DIGEST_SIZE, session_until(session));
  p = put_length(p, (size_t)n);
  for (i = 0; i < n; i++) {
    unsigned char *der = p + LENGTH;
    int size = i2d_X509(sk_X509_value(chain, i), &der);
    if (size <= 0) return 0;
    put_length(p, (size_t)size);
    p = der;
  }
  return i2d_SSL_SESSION(session, &p) > 0 && p == end;
}

static int fail (lua_State *L, const char *operation, const char *text) {
  return errors_text(L, ERROR_T, operation, "session", "%s", text);
}

/***
Makes bytes of a session, for another process or a later run, which no one reads
or changes without the key: **who has the bytes and the key can pass for this
client**, and who could write them could make it believe any server. It holds what
was verified, too. `load_session` reads it.

In TLS 1.3 a session serves once. This process offers it once, whatever copies
there are of it; it does not know what others have offered.
@function save
@tparam string key 32 bytes, of `ssl.RAND_bytes(32)`, which the caller keeps
@treturn[1] string some kilobytes
@treturn[2] nil
@treturn[2] SSLError of kind `"session"`: it has been used or is too old
@raise for another key
@source i2d_SSL_SESSION(3); RFC 8446, C.4
@usage local bytes = assert(conn:session():save(key))
*/
static int saved_session_save (lua_State *L) {
  SSL_SESSION *session = session_check(L, 1);
  const unsigned char *key = check_key(L, 2);
  STACK_OF(X509) *chain = session_chain(session);
  size_t size;
  unsigned char *text, *bytes;
  int done;
  if (!session_is_offerable(session))
    return fail(L, "save", "it has been offered, and serves once, or its time "
                "is up");
  errors_clear();
  size = text_size(session, chain);
  if (size == 0) return errors_fail(L, "save", "session");
  if (size > SEAL_MAX) return fail(L, "save", "it is larger than 1 MiB");
  text = lua_newuserdata(L, size);
  bytes = lua_newuserdata(L, MARK_SIZE + size + SEAL_EXTRA);
  memcpy(bytes, MARK, MARK_SIZE);
  done = write_text(text, size, session, chain)
         && seal_close(key, MARK, text, size, bytes + MARK_SIZE);
  OPENSSL_cleanse(text, size);
  if (!done) return errors_fail(L, "save", "session");
  session_note_saved(session);
  errors_clear();
  lua_pushlstring(L, (const char *)bytes, MARK_SIZE + size + SEAL_EXTRA);
  return 1;
}

/* ---- loading ---- */

static int read_certificate (Reader *r, STACK_OF(X509) *chain) {
  size_t size;
  const unsigned char *der = NULL;
  X509 *x509;
  if (take_length(r, &size)) der = take(r, size);
  if (der == NULL) return 0;
  x509 = d2i_X509(NULL, &der, (long)size);
  if (x509 != NULL && sk_X509_push(chain, x509) > 0) return 1;
  X509_free(x509);
  return 0;
}

/* *chain is the caller's, NULL where there is none. 0: it makes no sense. */
static int read_chain (Reader *r, STACK_OF(X509) **chain) {
  size_t n;
  *chain = NULL;
  if (!take_length(r, &n) || n > CHAIN_MAX) return 0;
  if (n > 0 && (*chain = sk_X509_new_null()) == NULL) return 0;
  for (; n > 0; n--)
    if (!read_certificate(r, *chain)) return 0;
  return 1;
}

static SSL_SESSION *read_text (const unsigned char *text, size_t size) {
  Reader r;
  STACK_OF(X509) *chain = NULL;
  SSL_SESSION *session = NULL;
  const unsigned char *digest, *der;
  double until;
  r.p = text;
  r.left = size;
  digest = take(&r, DIGEST_SIZE);
  if (digest != NULL && take_time(&r, &until) && read_chain(&r, &chain)) {
    der = r.p;
    session = d2i_SSL_SESSION(NULL, &der, (long)r.left);
    if (session != NULL && (der != r.p + r.left
                            || !session_set_scope(session, digest, chain,
                                                  until))) {
      SSL_SESSION_free(session);
      session = NULL;
    }
  }
  sk_X509_pop_free(chain, X509_free);
  return session;
}

/***
Reads what `SSLSession:save` has written. The session is offered as any other is:
to whom it was made with, under the same conditions; with a hook that `hooks_id`
names, as a function is another in each process.
@function load_session
@page ssl
@group Contexts
@tparam string bytes of `SSLSession:save`
@tparam string key the 32 bytes that it was saved with
@treturn[1] SSLSession
@treturn[2] nil
@treturn[2] SSLError of kind `"session"`: it was saved under another key or
altered, by another version, or is something else
@raise for another type, and for a key that has not 32 bytes
@source d2i_SSL_SESSION(3)
@usage local session = assert(ssl.load_session(bytes, key))
local conn = assert(ssl.connect("example.com", 443, { session = session }))
*/
int saved_session_load (lua_State *L) {
  size_t size, text_size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  const unsigned char *key = check_key(L, 2);
  SSL_SESSION **slot;
  unsigned char *text;
  int opened;
  if (size < MARK_SIZE + SEAL_EXTRA || memcmp(bytes, MARK, MARK_SIZE) != 0)
    return fail(L, "load_session", "it is no session that this version of "
                "LuaSSL has saved");
  slot = session_new(L);
  text = lua_newuserdata(L, size);
  errors_clear();
  opened = seal_open(key, MARK, (const unsigned char *)bytes + MARK_SIZE,
                     size - MARK_SIZE, text, &text_size);
  if (!opened)
    return fail(L, "load_session", "it was saved under another key, or has been "
                "altered");
  *slot = read_text(text, text_size);
  OPENSSL_cleanse(text, text_size);
  if (*slot == NULL) return errors_fail(L, "load_session", "session");
  session_note_saved(*slot);
  errors_clear();
  lua_pop(L, 1);
  return 1;
}

void saved_session_open (lua_State *L) {
  luaL_getmetatable(L, SESSION_T);
  lua_getfield(L, -1, "__index");
  lua_pushcfunction(L, saved_session_save);
  lua_setfield(L, -2, "save");
  lua_pop(L, 2);
}
