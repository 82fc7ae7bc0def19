/*
** early_guard.c -- which sessions may bring early data to a server: each once
** (RFC 8446, 8.1). OpenSSL takes a session out of its cache when it is resumed,
** so that there is one place where it is, this process's memory.
*/

#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/errors.h"
#include "context/early_guard.h"
#include "context/options.h"

struct EarlyGuard {
  pid_t process;
  time_t since;  /* what is older was made by the process before a fork */
};

static void refuse (lua_State *L, int options, const char *name) {
  int type = options_push(L, options, name);
  lua_pop(L, 1);
  if (type != LUA_TNIL)
    options_raise(L, "max_early_data", "and option '%s' exclude each other: "
                  "who records early data can send it again, unless each "
                  "session serves once, and only the memory of one process "
                  "sees to that", name);
}

/* Tickets under keys that others have would serve once with each of them. What
** is in a server's memory is not judged again when it is resumed. */
void early_guard_check (lua_State *L, int options, const Settings *s) {
  if (options_integer(L, options, "max_early_data", 0) == 0) return;
  refuse(L, options, "ticket_keys");
  refuse(L, options, "get_session");
  refuse(L, options, "put_session");
  if (!s->session_cache)
    options_raise(L, "max_early_data", "needs option 'session_cache', whose "
                  "sessions serve once");
  if (options_push(L, options, "pins") != LUA_TNIL)
    options_raise(L, "max_early_data", "and option 'pins' exclude each other: "
                  "a server with pins resumes no sessions");
  lua_pop(L, 1);
  if (s->policy.revocation)
    options_raise(L, "max_early_data", "and certificate revocation lists "
                  "exclude each other: a session in memory is not looked up "
                  "in them");
}

int early_guard_refuse (lua_State *L, const char *operation) {
  return errors_text(L, ERROR_T, operation, "early_data", "shared ticket keys "
                     "and max_early_data exclude each other: who records early "
                     "data can send it again, unless each session serves once, "
                     "and only the memory of one process sees to that");
}

int early_guard_apply (SSL_CTX *ctx, int most, EarlyGuard **guard) {
  *guard = NULL;
  if (most == 0) return 1;
  *guard = OPENSSL_zalloc(sizeof(**guard));
  if (*guard == NULL) return 0;
  (*guard)->process = getpid();
  return SSL_CTX_set_max_early_data(ctx, (uint32_t)most)
         && SSL_CTX_set_recv_max_early_data(ctx, (uint32_t)most);
}

void early_guard_free (EarlyGuard *guard) {
  OPENSSL_free(guard);
}

/* A fork copies the memory, and each process would take the session once. */
int early_guard_allows (EarlyGuard *g, const SSL_SESSION *session) {
  if (session == NULL || SSL_SESSION_get_max_early_data(session) == 0) return 0;
  if (g->process != getpid()) {
    g->process = getpid();
    g->since = time(NULL);
  }
  return compat_session_time(session) > g->since;
}
