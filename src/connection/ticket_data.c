/*
** ticket_data.c -- what a server's ticket carries besides OpenSSL's session, in
** its application data: a mark, then fields of one byte for the kind, two for
** the length, and that many bytes. Nobody but who has the ticket's key writes it.
*/

#include <string.h>

#include <openssl/err.h>

#include "connection/ticket_data.h"

#define MARK "LuaSSL\1"
#define MARK_SIZE (sizeof(MARK) - 1)
#define HEAD 3
#define DATA_MAX (MARK_SIZE + 3 * HEAD + EVP_MAX_MD_SIZE + 8)

enum { HASH = 'h', EXPIRES = 'e', ISSUER = 'i' };

/* ---- reading ---- */

typedef struct Field {
  int kind;
  size_t size;
  const unsigned char *bytes;
} Field;

/* The next of what is left: 1, or 0 at the end. */
static int next (const unsigned char **p, size_t *left, Field *field) {
  if (*left < HEAD) return 0;
  field->kind = (*p)[0];
  field->size = (size_t)(*p)[1] << 8 | (*p)[2];
  field->bytes = *p + HEAD;
  if (field->size > *left - HEAD) return 0;
  *p += HEAD + field->size;
  *left -= HEAD + field->size;
  return 1;
}

/* Behind the mark. */
static const unsigned char *fields (const SSL_SESSION *session, size_t *left) {
  void *data = NULL;
  if (!SSL_SESSION_get0_ticket_appdata((SSL_SESSION *)session, &data, left)
      || *left < MARK_SIZE || memcmp(data, MARK, MARK_SIZE) != 0) return NULL;
  *left -= MARK_SIZE;
  return (const unsigned char *)data + MARK_SIZE;
}

static int64_t read_time (const Field *field) {
  uint64_t time = 0;
  size_t i;
  for (i = 0; i < field->size; i++) time = time << 8 | field->bytes[i];
  return (int64_t)time;
}

int ticket_data_read (const SSL_SESSION *session, TicketData *data) {
  Field field;
  size_t left;
  const unsigned char *p = fields(session, &left);
  memset(data, 0, sizeof(*data));
  if (p == NULL) return 0;
  while (next(&p, &left, &field)) {
    if (field.kind == HASH && field.size <= sizeof(data->hash)) {
      memcpy(data->hash, field.bytes, field.size);
      data->hash_size = field.size;
    }
    else if (field.kind == EXPIRES && field.size == 8)
      data->expires = read_time(&field);
  }
  return 1;
}

static int append (STACK_OF(X509) *chain, X509 *x509) {
  if (x509 != NULL && sk_X509_push(chain, x509) > 0) return 1;
  X509_free(x509);
  return 0;
}

static int read_chain (STACK_OF(X509) *chain, const unsigned char *p,
                       size_t left) {
  Field field;
  int any = 0;
  while (next(&p, &left, &field)) {
    const unsigned char *der = field.bytes;
    if (field.kind != ISSUER) continue;
    if (!append(chain, d2i_X509(NULL, &der, (long)field.size))) return 0;
    any = 1;
  }
  return any;
}

STACK_OF(X509) *ticket_data_chain (const SSL_SESSION *session, X509 *leaf) {
  size_t left;
  const unsigned char *p = fields(session, &left);
  STACK_OF(X509) *chain;
  int done;
  if (p == NULL || leaf == NULL) return NULL;
  ERR_set_mark();
  chain = sk_X509_new_null();
  done = chain != NULL && X509_up_ref(leaf) && append(chain, leaf)
         && read_chain(chain, p, left);
  ERR_pop_to_mark();
  if (done) return chain;
  sk_X509_pop_free(chain, X509_free);
  return NULL;
}

/* ---- writing ---- */

static unsigned char *put (unsigned char *p, int kind, const void *bytes,
                           size_t size) {
  p[0] = (unsigned char)kind;
  p[1] = (unsigned char)(size >> 8);
  p[2] = (unsigned char)size;
  if (size > 0 && bytes != NULL) memcpy(p + HEAD, bytes, size);
  return p + HEAD + size;
}

static unsigned char *put_time (unsigned char *p, int64_t time) {
  unsigned char bytes[8];
  int i;
  for (i = 0; i < 8; i++)
    bytes[i] = (unsigned char)((uint64_t)time >> (56 - 8 * i));
  return put(p, EXPIRES, bytes, sizeof(bytes));
}

/* All that the chain takes; more than there may be: too much. */
static size_t chain_size (STACK_OF(X509) *chain) {
  size_t total = 0;
  int i;
  for (i = 1; i < sk_X509_num(chain) && total <= TICKET_CHAIN_MAX; i++) {
    int size = i2d_X509(sk_X509_value(chain, i), NULL);
    if (size <= 0 || size > TICKET_CHAIN_MAX) return TICKET_CHAIN_MAX + 1;
    total += HEAD + (size_t)size;
  }
  return total;
}

static unsigned char *put_chain (unsigned char *p, STACK_OF(X509) *chain) {
  int i;
  for (i = 1; i < sk_X509_num(chain); i++) {
    unsigned char *der = p + HEAD;
    int size = i2d_X509(sk_X509_value(chain, i), &der);
    p = put(p, ISSUER, NULL, (size_t)size);
  }
  return p;
}

static unsigned char *put_facts (unsigned char *p, const TicketData *data) {
  memcpy(p, MARK, MARK_SIZE);
  p += MARK_SIZE;
  if (data->hash_size > 0) p = put(p, HASH, data->hash, data->hash_size);
  if (data->expires != 0) p = put_time(p, data->expires);
  return p;
}

int ticket_data_write (SSL_SESSION *session, const TicketData *data) {
  unsigned char plain[DATA_MAX], *bytes = plain, *end;
  size_t size = data->chain != NULL ? chain_size(data->chain) : 0;
  int done;
  if (size > TICKET_CHAIN_MAX) size = 0;
  if (size > 0) bytes = OPENSSL_malloc(DATA_MAX + size);
  if (bytes == NULL) return 0;
  end = put_facts(bytes, data);
  if (size > 0) end = put_chain(end, data->chain);
  done = SSL_SESSION_set1_ticket_appdata(session, bytes,
                                         (size_t)(end - bytes));
  if (bytes != plain) OPENSSL_free(bytes);
  return done;
}
