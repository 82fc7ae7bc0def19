/*
** tickets.c -- a server's tickets: when it sends those of TLS 1.3 and how many,
** what they carry, and which of them it takes.
*/

#include "base/errors.h"
#include "connection/channel_binding.h"
#include "connection/rejudgement.h"
#include "connection/shared_key.h"
#include "connection/ticket_data.h"
#include "connection/tickets.h"
#include "context/context_policy.h"
#include "context/pins.h"
#include "context/session.h"

/* ---- what they carry ---- */

/* The chain that was verified is asked about again when the session is resumed;
** the client sends its leaf alone, within the session. */
static int asks_chain (const Policy *p) {
  return p->pins != NULL || p->revocation || p->hooks & HOOK_VERIFY;
}

/* The certificate that a session was made with is in no ticket of a server, and
** may be another when that is used. A resumed session has it already. */
static int find_hash (SSL *ssl, TicketData *data) {
  if (SSL_session_reused(ssl)) return 1;
  return channel_binding_hash(ssl, data->hash, &data->hash_size);
}

/* Of the session that is about to leave in a ticket, or to be kept. For most it
** is done once. Without a chain all of it is there: the verification is settled,
** or there is none. `anew`: the client is another. */
static void remember (const Connection *c, SSL *ssl, int anew) {
  const Verification *v = &c->verification;
  SSL_SESSION *session = SSL_get_session(ssl);
  int verified = v->known && v->leaf != NULL && v->code == X509_V_OK;
  STACK_OF(X509) *chain = verified && !v->resumed ? v->chain : NULL;
  TicketData data;
  if (session == NULL
      || (ticket_data_read(session, &data) && chain == NULL && !anew)) return;
  if (data.hash_size == 0 && !find_hash(ssl, &data)) return;
  data.expires = chain != NULL ? session_chain_end(chain) : 0;
  if (asks_chain(c->policy)) data.chain = chain;
  ticket_data_write(session, &data);
}

/* OpenSSL is about to make one; in TLS 1.2 before the handshake is done. */
static int on_making (SSL *ssl, void *unused) {
  (void)unused;
  remember(SSL_get_app_data(ssl), ssl, 0);
  return 1;
}

/* ---- which are taken ---- */

/* What was known of the client when the session was made. 0: no memory. */
static int restore (SSL_SESSION *session, const Policy *policy, X509 *leaf) {
  TicketData data;
  STACK_OF(X509) *chain = NULL;
  int done;
  if (session_has_scope(session) || !ticket_data_read(session, &data))
    return 1;
  if (asks_chain(policy)) chain = ticket_data_chain(session, leaf);
  done = session_restore(session, chain, data.expires);
  sk_X509_pop_free(chain, X509_free);
  return done;
}

/* With pins: where a chain was verified they are asked about it, and a leaf
** alone is no answer. */
static int is_pinned (const Policy *policy, SSL_SESSION *session) {
  STACK_OF(X509) *chain = session_chain(session);
  return policy->pins == NULL
         || (chain != NULL && pins_match(policy->pins, chain));
}

/* What would be refused now gives way to a full handshake, in which the client
** may show something better. A hook is asked itself. */
int tickets_is_good (const Connection *c, SSL *ssl, SSL_SESSION *session) {
  const Policy *policy = c->policy;
  X509 *leaf = SSL_SESSION_get0_peer(session);
  if (leaf == NULL) return policy->pins == NULL;
  if (!restore(session, policy, leaf) || !is_pinned(policy, session)) return 0;
  if (!(policy->hooks & HOOK_VERIFY) && session_expired(session, policy))
    return 0;
  return rejudgement_allows(c, ssl, session);
}

/* SSL_CTX_set_session_ticket_cb(3): as without it, but for what is not good. */
static SSL_TICKET_RETURN on_reading (SSL *ssl, SSL_SESSION *session,
                                     const unsigned char *name, size_t size,
                                     SSL_TICKET_STATUS status, void *unused) {
  const Connection *c = SSL_get_app_data(ssl);
  (void)name;
  (void)size;
  (void)unused;
  if ((status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
      || !tickets_is_good(c, ssl, session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
                                      : SSL_TICKET_RETURN_USE_RENEW;
}

/* From memory a session comes without OpenSSL's asking. */
void tickets_restore (const Connection *c) {
  SSL_SESSION *session = SSL_get_session(c->ssl);
  X509 *leaf = SSL_SESSION_get0_peer(session);
  if (c->options.server_side && leaf != NULL)
    restore(session, c->policy, leaf);
}

void tickets_set_callbacks (SSL_CTX *ctx, const Policy *policy) {
  int asks = context_policy_verifies(policy) || policy->puts_off;
  SSL_CTX_set_session_ticket_cb(ctx, on_making, asks ? on_reading : NULL,
                                NULL);
}

/* ---- when, and how many ---- */

/* Sent behind the handshake they meet clients that never read: one that sends
** its data and closes answers them with a reset, and its kernel throws away
** what had not left. So they go with the server's first data, which the client
** has to read anyway. RFC 8446, 4.6.1 allows them at any time. */
void tickets_defer (SSL *ssl, Connection *c, const Policy *policy) {
  if (!policy->defaults.server_side) return;
  c->tickets = SSL_get_num_tickets(ssl);
  SSL_set_num_tickets(ssl, 0);
}

/* One is enough for a client that has used one up. */
static void limit (Connection *c) {
  if (SSL_version(c->ssl) < TLS1_3_VERSION || shared_key_used(c))
    c->tickets = 0;
  else if (SSL_session_reused(c->ssl) && c->tickets > 1) c->tickets = 1;
}

void tickets_settle (Connection *c) {
  limit(c);
  remember(c, c->ssl, 0);
}

void tickets_renew (Connection *c) {
  c->tickets = SSL_CTX_get_num_tickets(SSL_get_SSL_CTX(c->ssl));
  limit(c);
  remember(c, c->ssl, 1);
}

int tickets_issue (Connection *c) {
  int any = c->tickets > 0;
  for (; c->tickets > 0; c->tickets--)
    if (!SSL_new_session_ticket(c->ssl)) errors_clear();
  return any;
}
