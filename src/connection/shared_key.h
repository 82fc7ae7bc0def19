/*
** shared_key.h -- the pre-shared key of a connection.
*/
#ifndef LUASSL_SHARED_KEY_H
#define LUASSL_SHARED_KEY_H

#include "connection/connection.h"
#include "context/psk.h"

struct SharedKey {
  Answer answer;            /* the function's */
  int alert;                /* of its refusal; -1: the point's */
  int chosen;               /* identity, key and hash are there */
  int random;               /* nobody has the key */
  int used;                 /* the handshake was made with it */
  int hash;                 /* PSK_SHA* */
  size_t identity_size, key_size, hello_size;
  unsigned char *identity;  /* owned */
  unsigned char *hello;     /* owned: the ClientHello's extension; or NULL */
  unsigned char key[PSK_KEY_MAX];
};

#pragma GCC visibility push(hidden)

/* The connection's, a new one if it has none; NULL without memory. */
SharedKey *shared_key_open (Connection *c);
void shared_key_free (Connection *c);

/* Takes a key, or a random one, as nobody has that of this identity: 0 without
** memory. */
int shared_key_choose (SharedKey *k, const Psk *psk);
int shared_key_choose_random (SharedKey *k, const unsigned char *identity,
                              size_t size, int hash);

/* What stands for it in TLS 1.3, the caller's; NULL without memory. */
SSL_SESSION *shared_key_as_session (const SharedKey *k, SSL *ssl);

/* The function's answer is known. */
void shared_key_settle (Connection *c, Answer answer, int alert);

/* The handshake is complete: notes whether it was made with the key, and
** forgets that. */
void shared_key_note (Connection *c);
int shared_key_used (const Connection *c);

/* And no certificate was shown. */
int shared_key_alone (const Connection *c);

/* How a suite before TLS 1.3 uses a key: 0 and 1 with a fresh secret too, 2
** alone, 3 with a certificate, 4 not at all. */
int shared_key_rank (const SSL_CIPHER *cipher);

#pragma GCC visibility pop

#endif
