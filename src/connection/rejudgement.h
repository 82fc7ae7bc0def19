/*
** rejudgement.h -- whether a session's certificate still stands, where CRLs are
** asked: before it is resumed, and when it was.
*/
#ifndef LUASSL_REJUDGEMENT_H
#define LUASSL_REJUDGEMENT_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* Judges the leaf anew, as a handshake would by now, with the certificates of
** `chain` (or NULL) for intermediates: 1, it is good. 0: `*faults` has what is
** wrong, one at least, and `*built` (or NULL) what of the chain was built,
** which is the caller's. The error queue stays as it was. */
int rejudgement_make (const Connection *c, SSL *ssl, X509 *leaf,
                      STACK_OF(X509) *chain, Faults *faults,
                      STACK_OF(X509) **built);

/* 1: the session may be resumed, as far as CRLs and TLSA records are
** concerned. */
int rejudgement_allows (const Connection *c, SSL *ssl, SSL_SESSION *session);

#pragma GCC visibility pop

#endif
