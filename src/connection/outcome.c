/*
** outcome.c -- what a method answers for an outcome that is none: a condition,
** or the failure that the connection has from then on.
*/

#include <openssl/err.h>

#include "connection/diagnosis.h"
#include "base/errors.h"
#include "x509/certificate.h"
#include "connection/limits.h"
#include "connection/outcome.h"

static int make_error (lua_State *L, Connection *c, const char *operation) {
  const Verification *v = &c->verification;
  Failure own, *f = c->failure;
  if (c->bio.no_memory)
    return errors_text(L, ERROR_T, operation, "memory", "out of memory");
  if (c->bio.flooded) return limits_push_flood(L, c, operation);
  if (v->unpinned)
    return errors_text(L, VERIFICATION_ERROR_T, operation, "pin", "none of "
                       "the public keys in the peer's chain is one of the "
                       "pins (see option pins)");
  if (f == NULL) {
    bio_note_surplus(&c->bio);
    diagnosis_make(&own, c, operation);
    f = c->failure = OPENSSL_memdup(&own, sizeof(own));
    errors_clear();
  }
  if (f == NULL) f = &own;
  f->operation = operation;
  return errors_push(L, f);
}

/* Gives the error at the top the certificates that were refused. */
static void tell_refused (lua_State *L, const Connection *c) {
  const Verification *v = &c->verification;
  if (v->leaf == NULL) return;
  certificate_push(L, v->leaf);
  lua_setfield(L, -2, "certificate");
  if (v->chain == NULL) return;
  certificate_push_list(L, v->chain);
  lua_setfield(L, -2, "chain");
}

static int make_failure (lua_State *L, Connection *c, const char *operation) {
  int n = make_error(L, c, operation);
  if (c->verification.refused) tell_refused(L, c);
  return n;
}

/* Makes the SSLError at the top, above a nil, this connection's for good. */
int outcome_keep_failure (lua_State *L, Connection *c) {
  c->failed = 1;
  compat_getuservalue(L, 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, UV_FAILURE);
  lua_pop(L, 1);
  OPENSSL_free(c->failure);
  c->failure = NULL;
  return 2;
}

int outcome_push_failure (lua_State *L, Connection *c,
                          const char *operation) {
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_FAILURE);
  if (!lua_isnil(L, -1)) {
    bio_flush(&c->bio);
    errors_clear();  /* what a hook refused, OpenSSL complains of too */
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
  }
  bio_flush(&c->bio);  /* OpenSSL left an alert there */
  make_failure(L, c, operation);
  return outcome_keep_failure(L, c);
}

/* nil and what the transport failed with; what `feed` was told as it is. */
int outcome_push_broken (lua_State *L, Connection *c,
                         const char *operation) {
  if (!c->broken) return errors_syscall(L, operation, c->bio.read_error);
  lua_pushnil(L);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_BROKEN);
  lua_remove(L, -2);
  return 2;
}

static const char *wait_condition (const Connection *c, int native) {
  if (c->link != NULL && !(native && c->deadline == 0)) return "timeout";
  return c->want & WANT_READ ? "wantread" : "wantwrite";
}

/* nil and the condition or failure of an outcome that is not DONE; `native`
** methods tell at timeout 0 what they wait for. */
int outcome_push (lua_State *L, Connection *c, Outcome outcome,
                  const char *operation, int native) {
  switch (outcome) {
    case WAIT: case HELD:
      c->late = 1;
      return errors_condition(L, wait_condition(c, native));
    case BROKEN: return outcome_push_broken(L, c, operation);
    case FAILED: return outcome_push_failure(L, c, operation);
    case TRUNCATED:
      if (!c->options.suppress_ragged_eofs) return errors_eof(L, operation);
      break;
    default: break;
  }
  return errors_condition(L, "closed");
}
