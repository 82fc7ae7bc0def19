/*
** engine_wait.c -- waiting for an OpenSSL engine that computes elsewhere. That
** is computing time, and nobody's decision.
*/

#include <poll.h>

#include "base/clock.h"
#include "base/fd_io.h"
#include "connection/engine_wait.h"

#define ENGINE_FDS 8        /* of one connection, that are waited for */
#define ENGINE_PAUSE 0.001  /* seconds, for those that have none */

int engine_wait (SSL *ssl, double deadline) {
  int fds[ENGINE_FDS];
  struct pollfd polled[ENGINE_FDS];
  size_t i, n = 0;
  if (deadline > 0 && clock_now() >= deadline) return 0;
  if (!SSL_get_all_async_fds(ssl, NULL, &n) || n > ENGINE_FDS
      || !SSL_get_all_async_fds(ssl, fds, &n)) n = 0;
  for (i = 0; i < n; i++) {
    polled[i].fd = fds[i];
    polled[i].events = POLLIN;
  }
  fd_poll(polled, n, clock_now() + ENGINE_PAUSE);
  return 1;
}
