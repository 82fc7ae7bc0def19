/*
** ticket_data.h -- what a server's ticket carries besides OpenSSL's session:
** what of the full handshake cannot be known from that, as the peer's leaf alone
** is in it and nothing of this side's.
*/
#ifndef LUASSL_TICKET_DATA_H
#define LUASSL_TICKET_DATA_H

#include <stdint.h>

#include <openssl/ssl.h>

/* Bytes of a chain beyond its leaf; one that is larger is not carried. */
#define TICKET_CHAIN_MAX 8192

typedef struct TicketData {
  size_t hash_size;
  unsigned char hash[EVP_MAX_MD_SIZE];  /* of this side's certificate */
  int64_t expires;        /* the first of the peer's chain; 0: not known */
  STACK_OF(X509) *chain;  /* the peer's, with its leaf; or NULL */
} TicketData;

#pragma GCC visibility push(hidden)

/* 1: the session has some, and without a chain `*data` is it. */
int ticket_data_read (const SSL_SESSION *session, TicketData *data);

/* The chain alone, of this leaf, the caller's; NULL: there is none. */
STACK_OF(X509) *ticket_data_chain (const SSL_SESSION *session, X509 *leaf);

/* 0: no memory. */
int ticket_data_write (SSL_SESSION *session, const TicketData *data);

#pragma GCC visibility pop

#endif
