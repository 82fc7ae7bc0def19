/*
** context_policy.c -- what a context's connections have in common beside the
** SSL_CTX: it belongs to that, and ends with it.
*/

#include "context/context_policy.h"
#include "context/alpn.h"
#include "context/certificate_types.h"
#include "context/counters.h"
#include "context/early_guard.h"
#include "context/log.h"
#include "context/pins.h"
#include "context/psk.h"
#include "context/session_cache.h"
#include "context/ticket_keys.h"

static void on_free (void *ctx, void *data, CRYPTO_EX_DATA *all, int index,
                     long n, void *p) {
  Policy *policy = data;
  (void)ctx;
  (void)all;
  (void)index;
  (void)n;
  (void)p;
  if (policy == NULL) return;
  alpn_free(policy->protocols);
  pins_free(policy->pins);
  certificate_types_free(policy->keys);
  psk_free(policy->psk);
  early_guard_free(policy->early);
  log_free(policy->keylog);
  log_free(policy->trace);
  session_cache_free(policy->cache);
  counters_free(policy->counters);
  ticket_keys_free(policy->ticket_keys);
  OPENSSL_free(policy);
}

/* One index for the process: the module stays in memory (core.c). */
static int policy_index = -1;
static CRYPTO_ONCE policy_once = CRYPTO_ONCE_STATIC_INIT;

static void make_index (void) {
  policy_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_free);
}

Policy *context_policy_add (SSL_CTX *ctx, const Policy *policy) {
  Policy *copy;
  if (!CRYPTO_THREAD_run_once(&policy_once, make_index) || policy_index < 0)
    return NULL;
  copy = OPENSSL_memdup(policy, sizeof(*policy));
  if (copy == NULL) return NULL;
  if (SSL_CTX_set_ex_data(ctx, policy_index, copy)) return copy;
  OPENSSL_free(copy);
  return NULL;
}

const Policy *context_policy_of (const SSL_CTX *ctx) {
  return SSL_CTX_get_ex_data(ctx, policy_index);
}

int context_policy_verifies (const Policy *policy) {
  return policy->cert_reqs != CERT_NONE || policy->pins != NULL
         || policy->hooks & HOOK_VERIFY || policy->takes_keys;
}
