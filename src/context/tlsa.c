/*
** tlsa.c -- TLSA records (RFC 6698): which keys and certificates are a
** server's, by its DNS.
**
** OpenSSL alone knows which it can use: it is asked before anything is sent. It
** would verify as if there were no records where it can use none.
*/

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/sha.h>

#include "base/errors.h"
#include "context/policy.h"
#include "context/tlsa.h"
#include "x509/judgement.h"

/* RFC 6698, 7.2 to 7.4; the last that are known here. */
enum { USAGE_LAST = DANE_EE, CERTIFICATE = 0, SELECTOR_LAST = 1 };
enum { BY_SHA256 = 1, BY_SHA512 = 2, MATCHING_LAST = BY_SHA512 };

#define RECORDS_MAX 1000
#define DATA_MAX 65535    /* RFC 1035, 3.2.1 */
#define REASONS_MAX 3     /* why records are of no use, in one text */
#define TEXT_MAX 400

typedef struct Record {
  unsigned char usage, selector, matching;
  int usable;
  const char *reason;   /* static: why not */
  unsigned char *data;  /* owned */
  size_t size;
} Record;

struct Tlsa {
  size_t count;
  Record records[1];
};

void tlsa_free (Tlsa *tlsa) {
  size_t i;
  for (i = 0; tlsa != NULL && i < tlsa->count; i++)
    OPENSSL_free(tlsa->records[i].data);
  OPENSSL_free(tlsa);
}

/* ---- what is given ---- */

static int is_byte (lua_State *L, int index) {
  lua_Number n = lua_tonumber(L, index);
  return lua_type(L, index) == LUA_TNUMBER && n >= 0 && n <= 255
         && n == (lua_Number)(int)n;
}

/* The record at the top. */
static const char *record_problem (lua_State *L) {
  int i, pairs = 0, bytes = 1;
  if (!lua_istable(L, -1) || luaL_getmetafield(L, -1, "__index"))
    return "is no plain table";
  for (lua_pushnil(L); lua_next(L, -2) != 0; lua_pop(L, 1)) pairs++;
  if (pairs != 4 || compat_rawlen(L, -1) != 4)
    return "does not hold usage, selector, matching type and data";
  for (i = 1; i <= 3; i++) {
    lua_rawgeti(L, -1, i);
    bytes = bytes && is_byte(L, -1);
    lua_pop(L, 1);
  }
  if (!bytes)
    return "has a usage, selector or matching type that is no integer from 0 "
           "to 255";
  lua_rawgeti(L, -1, 4);
  bytes = lua_type(L, -1) == LUA_TSTRING;
  lua_pop(L, 1);
  return bytes ? NULL : "has data that are no string";
}

const char *tlsa_problem (lua_State *L, int index, int *number) {
  int n = (int)compat_rawlen(L, index), pairs = 0;
  const char *problem = NULL;
  luaL_checkstack(L, 8, "tlsa");
  *number = 0;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) pairs++;
  if (pairs != n) return "must be a list of records";
  if (n > RECORDS_MAX) return "has more than 1000 records";
  for (*number = 1; *number <= n; ++*number) {
    int top = lua_gettop(L);
    lua_rawgeti(L, index, *number);
    problem = record_problem(L);
    lua_settop(L, top);
    if (problem != NULL) break;
  }
  return problem;
}

/* ---- reading ---- */

static int hex_value (unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

/* How many digits; 0: it is something else. Tools write spaces between them. */
static size_t count_digits (const char *text, size_t size) {
  size_t i, n = 0;
  for (i = 0; i < size; i++) {
    if (hex_value((unsigned char)text[i]) >= 0) n++;
    else if (text[i] != ' ' && text[i] != '\t' && text[i] != '\n') return 0;
  }
  return n % 2 == 0 ? n : 0;
}

/* A digest of its length is one, whatever its bytes look like; nothing in DER
** looks like hexadecimal digits. */
static size_t digest_size (int matching) {
  switch (matching) {
    case BY_SHA256: return SHA256_DIGEST_LENGTH;
    case BY_SHA512: return SHA512_DIGEST_LENGTH;
    default: return 0;
  }
}

static void unhex (const char *text, size_t size, unsigned char *bytes) {
  size_t i, n = 0;
  for (i = 0; i < size; i++) {
    int value = hex_value((unsigned char)text[i]);
    if (value < 0) continue;
    if (n % 2 == 0) bytes[n / 2] = (unsigned char)(value << 4);
    else bytes[n / 2] |= (unsigned char)value;
    n++;
  }
}

/* 0: no memory. */
static int set_data (Record *r, const char *text, size_t size) {
  size_t digits = size == digest_size(r->matching) ? 0
                                                   : count_digits(text, size);
  if (size > 4 * DATA_MAX) digits = size = 0;  /* of no use */
  r->size = digits > 0 ? digits / 2 : size;
  r->data = OPENSSL_malloc(r->size + 1);
  if (r->data == NULL) return 0;
  if (digits > 0) unhex(text, size, r->data);
  else memcpy(r->data, text, size);
  return 1;
}

static unsigned char byte_at (lua_State *L, int i) {
  unsigned char byte;
  lua_rawgeti(L, -1, i);
  byte = (unsigned char)lua_tonumber(L, -1);
  lua_pop(L, 1);
  return byte;
}

/* The record at the top; 0: no memory. */
static int read_record (lua_State *L, Record *r) {
  const char *text;
  size_t size;
  int done;
  r->usage = byte_at(L, 1);
  r->selector = byte_at(L, 2);
  r->matching = byte_at(L, 3);
  lua_rawgeti(L, -1, 4);
  text = lua_tolstring(L, -1, &size);
  done = set_data(r, text, size);
  lua_pop(L, 1);
  return done;
}

/* ---- what can be used ---- */

/* Names of the parts, not of the values: those are in RFC 6698, 7. */
static const char *reason_of (const Record *r) {
  if (r->usage > USAGE_LAST) return "its usage is unknown";
  if (r->selector > SELECTOR_LAST) return "its selector is unknown";
  if (r->matching > MATCHING_LAST)
    return "its matching type is unknown";
  if (r->size == 0) return "it has no data";
  if (digest_size(r->matching) > 0 && r->size != digest_size(r->matching))
    return r->matching == BY_SHA256
           ? "its data are no SHA-256, which has 32 bytes"
           : "its data are no SHA-512, which has 64 bytes";
  return r->selector == CERTIFICATE
         ? "its data are no certificate (DER)"
         : "its data are no public key (SubjectPublicKeyInfo in DER)";
}

/* 1: OpenSSL has it, 0: cannot use it, -1: see the error queue. */
static int add (SSL *ssl, const Record *r) {
  return SSL_dane_tlsa_add(ssl, r->usage, r->selector, r->matching, r->data,
                           r->size);
}

/* SSL_CTX_dane_enable(3): once for a context, and no more than that. */
static int enable (SSL *ssl) {
  return SSL_CTX_dane_enable(SSL_get_SSL_CTX(ssl)) > 0
         && SSL_dane_enable(ssl, NULL) > 0;
}

/* What cannot be decoded, or could not for want of memory. */
static int lacked_memory (void) {
  Failure f;
  failure_take(&f, "tlsa");
  return failure_find(&f, 0, ERR_R_MALLOC_FAILURE) >= 0;
}

/* How many; -1: no memory. */
static int try_all (Tlsa *tlsa, SSL_CTX *ctx) {
  SSL *ssl = SSL_new(ctx);
  int done = ssl != NULL && enable(ssl) ? 0 : -1;
  size_t i;
  for (i = 0; done >= 0 && i < tlsa->count; i++) {
    Record *r = &tlsa->records[i];
    int result = add(ssl, r);
    r->usable = result > 0;
    r->reason = reason_of(r);
    if (result < 0 || (result == 0 && lacked_memory())) done = -1;
    else done += r->usable;
  }
  SSL_free(ssl);
  errors_clear();
  return done;
}

static int fail_unusable (lua_State *L, const Tlsa *tlsa) {
  char text[TEXT_MAX] = "";
  size_t i, n = 0;
  for (i = 0; i < tlsa->count && i < REASONS_MAX; i++)
    n += (size_t)snprintf(text + n, sizeof(text) - n, "%snumber %d: %s",
                          i > 0 ? "; " : ": ", (int)i + 1,
                          tlsa->records[i].reason);
  if (tlsa->count > REASONS_MAX)
    snprintf(text + n, sizeof(text) - n, "; and so on");
  return errors_text(L, ERROR_T, "tlsa", "tlsa", "%s%s. A server without "
                     "usable records can be verified without the option",
                     tlsa->count == 0 ? "there is no record"
                                      : "no record can be used", text);
}

static int fail_memory (lua_State *L) {
  return errors_text(L, ERROR_T, "tlsa", "memory", "out of memory");
}

Tlsa *tlsa_new (size_t count) {
  Tlsa *tlsa = OPENSSL_zalloc(sizeof(*tlsa) + count * sizeof(Record));
  if (tlsa != NULL) tlsa->count = count;
  return tlsa;
}

int tlsa_read (lua_State *L, int index, SSL_CTX *ctx, Tlsa *tlsa) {
  size_t i;
  int usable;
  index = compat_absindex(L, index);
  for (i = 0; i < tlsa->count; i++) {
    int done;
    lua_rawgeti(L, index, (int)i + 1);
    done = read_record(L, &tlsa->records[i]);
    lua_pop(L, 1);
    if (!done) return fail_memory(L);
  }
  errors_clear();
  usable = try_all(tlsa, ctx);
  if (usable < 0) return fail_memory(L);
  return usable > 0 ? 0 : fail_unusable(L, tlsa);
}

/* ---- use ---- */

/* RFC 7671, 5.1: a key that is the server's by its DNS needs no name. */
int tlsa_apply (const Tlsa *tlsa, SSL *ssl, int names) {
  size_t i;
  if (!enable(ssl)) return 0;
  if (!names) SSL_dane_set_flags(ssl, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
  for (i = 0; i < tlsa->count; i++)
    if (tlsa->records[i].usable && add(ssl, &tlsa->records[i]) <= 0) return 0;
  return 1;
}

int tlsa_are_keys (const Tlsa *tlsa) {
  size_t i;
  for (i = 0; i < tlsa->count; i++)
    if (tlsa->records[i].usable
        && tlsa->records[i].usage != DANE_EE) return 0;
  return 1;
}

/* Of one record, which has its size in front. */
static int digest_record (EVP_MD_CTX *md, const Record *r,
                          unsigned char *digest) {
  unsigned char head[3];
  head[0] = r->usage;
  head[1] = r->selector;
  head[2] = r->matching;
  return EVP_DigestInit_ex(md, EVP_sha256(), NULL)
         && EVP_DigestUpdate(md, head, sizeof(head))
         && EVP_DigestUpdate(md, r->data, r->size)
         && EVP_DigestFinal_ex(md, digest, NULL);
}

static int compare (const void *a, const void *b) {
  return memcmp(a, b, DIGEST_SIZE);
}

int tlsa_digest (const Tlsa *tlsa, unsigned char *digest) {
  unsigned char *digests = OPENSSL_malloc(tlsa->count * DIGEST_SIZE + 1);
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  size_t i, n = 0;
  int done = digests != NULL && md != NULL;
  for (i = 0; done && i < tlsa->count; i++)
    if (tlsa->records[i].usable)
      done = digest_record(md, &tlsa->records[i],
                           digests + n++ * DIGEST_SIZE);
  if (done) {
    qsort(digests, n, DIGEST_SIZE, compare);
    done = SHA256(digests, n * DIGEST_SIZE, digest) != NULL;
  }
  EVP_MD_CTX_free(md);
  OPENSSL_free(digests);
  return done;
}
