/*
** tickets.c -- when a server sends its tickets of TLS 1.3, and how many.
*/

#include "base/errors.h"
#include "connection/shared_key.h"
#include "connection/tickets.h"

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
void tickets_limit (Connection *c) {
  if (SSL_version(c->ssl) < TLS1_3_VERSION || shared_key_used(c))
    c->tickets = 0;
  else if (SSL_session_reused(c->ssl) && c->tickets > 1) c->tickets = 1;
}

void tickets_renew (Connection *c) {
  c->tickets = SSL_CTX_get_num_tickets(SSL_get_SSL_CTX(c->ssl));
  tickets_limit(c);
}

int tickets_issue (Connection *c) {
  int any = c->tickets > 0;
  for (; c->tickets > 0; c->tickets--)
    if (!SSL_new_session_ticket(c->ssl)) errors_clear();
  return any;
}
