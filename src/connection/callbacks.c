/*
** callbacks.c -- what OpenSSL asks in a handshake. There is no Lua in it: where
** Lua decides, it notes that OpenSSL has to stop.
*/

#include <string.h>

#include "context/alpn.h"
#include "connection/callbacks.h"
#include "connection/decision.h"
#include "connection/early_data.h"
#include "connection/client_hello.h"
#include "context/identity.h"
#include "connection/ocsp_status.h"
#include "connection/resumption.h"
#include "connection/server_key.h"
#include "connection/stored_sessions.h"
#include "connection/tickets.h"
#include "connection/trace.h"
#include "connection/verify.h"

/* On every server: sessions are for one name. */
static int on_client_hello (SSL *ssl, int *alert, void *unused) {
  Connection *c = SSL_get_app_data(ssl);
  Choice *h = &c->choice;
  char name[HOSTNAME_MAX + 1];
  (void)unused;
  *alert = SSL_AD_INTERNAL_ERROR;
  if (h->answer == REFUSED) {
    *alert = h->alert >= 0 ? h->alert : SSL_AD_HANDSHAKE_FAILURE;
    return SSL_CLIENT_HELLO_ERROR;
  }
  client_hello_name(ssl, name);
  if (h->named && strcmp(name, c->name.text) != 0) {
    *alert = SSL_AD_ILLEGAL_PARAMETER;  /* RFC 8446, 4.1.2: after a retry too */
    return SSL_CLIENT_HELLO_ERROR;
  }
  strcpy(c->name.text, name);
  h->named = 1;
  if (!resumption_restrict(ssl, c->policy, c->name.text))
    return SSL_CLIENT_HELLO_ERROR;
  if (h->made || h->answer != UNANSWERED
      || !(c->policy->hooks & (HOOK_CLIENT_HELLO | HOOK_SERVER_NAMES)))
    switch (server_key_on_hello(c, ssl, alert)) {
      case 1: return stored_sessions_ask(ssl, c) ? SSL_CLIENT_HELLO_RETRY
                                                 : SSL_CLIENT_HELLO_SUCCESS;
      case 0: return SSL_CLIENT_HELLO_RETRY;
      default: return SSL_CLIENT_HELLO_ERROR;
    }
  client_hello_free(h->hello);
  h->hello = client_hello_parse(ssl);
  if (h->hello == NULL) return SSL_CLIENT_HELLO_ERROR;
  decision_stop(c, AT_CLIENT_HELLO);
  return SSL_CLIENT_HELLO_RETRY;
}

/* What on_client_hello chose, or else the option's. */
static int on_protocols (SSL *ssl, const unsigned char **selected,
                         unsigned char *length, const unsigned char *offered,
                         unsigned int size, void *unused) {
  const Connection *c = SSL_get_app_data(ssl);
  const unsigned char *chosen = c->choice.protocol;
  (void)unused;
  if (chosen == NULL)
    return alpn_select(c->policy->protocols, selected, length, offered, size);
  if (!alpn_is_offered(chosen, offered, size))
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *selected = chosen + 1;
  *length = chosen[0];
  return SSL_TLSEXT_ERR_OK;
}

/* Its answer is for one request. */
static int on_certificate (SSL *ssl, void *unused) {
  Connection *c = SSL_get_app_data(ssl);
  Answer answer = c->certificate;
  (void)unused;
  c->certificate = UNANSWERED;
  if (answer == UNANSWERED) {
    decision_stop(c, AT_CERTIFICATE);
    return -1;
  }
  if (answer == REFUSED) return 0;
  identity_choose(ssl);
  return 1;
}

static int on_choice (SSL *ssl, void *unused) {
  (void)unused;
  identity_choose(ssl);
  return 1;
}

void callbacks_set (SSL_CTX *ctx, const Policy *policy) {
  if (policy->defaults.server_side) {
    SSL_CTX_set_client_hello_cb(ctx, on_client_hello, NULL);
    SSL_CTX_set_alpn_select_cb(ctx, on_protocols, NULL);
    tickets_set_callbacks(ctx, policy);
    server_key_set_callbacks(ctx, policy);
    early_data_set_callbacks(ctx, policy);
    stored_sessions_set_callbacks(ctx, policy);
  }
  else resumption_set_callbacks(ctx);
  if (policy->hooks & HOOK_CERTIFICATE)
    SSL_CTX_set_cert_cb(ctx, on_certificate, NULL);
  else if (policy->certificates > 1 && !policy->defaults.server_side)
    SSL_CTX_set_cert_cb(ctx, on_choice, NULL);
  ocsp_status_set_callbacks(ctx, policy);
  trace_set_callbacks(ctx, policy);
  verify_set_callbacks(ctx, policy);
}
