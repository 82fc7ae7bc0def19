/*
** bare_fd.c -- descriptors that come as numbers: of luaposix, of systemd's
** socket activation. A connected one carries a connection, a listening one
** brings more of them.
*/

#include <errno.h>
#include <limits.h>
#include <math.h>

#include "base/errors.h"
#include "base/fd_io.h"
#include "carrier/bare_fd.h"
#include "carrier/sslsocket.h"
#include "connection/method_prologue.h"
#include "connection/opening.h"
#include "context/options.h"

static const char *complaint (int result) {
  switch (result) {
    case -EBADF: return "no open descriptor";
    case -ENOTSOCK: return "descriptor of no socket";
    case -EPROTOTYPE: return "no stream socket";
    default: return NULL;
  }
}

/* The argument at `index`, and what it is; misuse raises. */
static int check_fd (lua_State *L, int index, int *kind) {
  lua_Number n = luaL_checknumber(L, index);
  const char *problem;
  int fd;
  if (!(n >= 0 && n <= INT_MAX) || n != floor(n))
    luaL_argerror(L, index, "descriptor expected");
  fd = (int)n;
  *kind = fd_kind(fd);
  problem = complaint(*kind);
  if (problem != NULL) luaL_argerror(L, index, problem);
  return fd;
}

/* wrap_fd(context, fd, options): an SSLSocket that owns the descriptor, or nil
** and an error, and it is the caller's still; misuse raises. */
static int primitive_wrap_fd (lua_State *L) {
  Socket *s;
  int kind, fd, result;
  context_check(L, 1);
  fd = check_fd(L, 2, &kind);
  if (kind == FD_UNCONNECTED) kind = -ENOTCONN;
  if (kind < 0) return errors_syscall(L, "wrap_fd", -kind);
  lua_settop(L, 3);
  lua_pushnil(L);
  lua_replace(L, 2);
  s = sslsocket_push(L, SOCKET_T);
  if (opening_wrap(L, &s->connection, 3, kind == FD_CONNECTED) > 0) return 2;
  if (kind == FD_LISTENS && !s->connection.options.server_side)
    options_raise(L, "server_side", "must be true for a listening socket");
  result = fd_set_nonblocking(fd, kind == FD_CONNECTED
                                  && s->connection.options.nodelay);
  if (result < 0) return errors_syscall(L, "wrap_fd", -result);
  s->bare = kind;
  if (kind == FD_CONNECTED) sslsocket_carry(s, fd);
  else s->fd = fd;
  return 1;
}

/* wait_client(self): true when one may be taken; nil and "timeout", or an
** error. */
static int primitive_wait_client (lua_State *L, Connection *c) {
  int fd = ((Socket *)c)->fd, ready;
  if (c->closed) return errors_condition(L, "closed");
  ready = fd_wait(fd, WANT_READ, c->deadline);
  if (ready < 0) return errors_syscall(L, "accept", -ready);
  c->want = WANT_READ;
  if (ready == 0) return errors_condition(L, "timeout");
  lua_pushboolean(L, 1);
  return 1;
}

/* take_client(self, client): accepts into the SSLSocket, which has nothing
** yet. True; false: there is none any more; nil and an error. */
static int primitive_take_client (lua_State *L, Connection *c) {
  Socket *client = (Socket *)connection_any(L, 2);
  int fd, result;
  if (c->closed) return errors_condition(L, "closed");
  fd = fd_accept(((Socket *)c)->fd);
  if (fd < 0 && fd != -EAGAIN) return errors_syscall(L, "accept", -fd);
  if (fd >= 0) {
    result = fd_set_nonblocking(fd, client->connection.options.nodelay);
    if (result < 0) {
      fd_close(fd);
      return errors_syscall(L, "accept", -result);
    }
    client->bare = FD_CONNECTED;
    sslsocket_carry(client, fd);
  }
  lua_pushboolean(L, fd >= 0);
  return 1;
}

void bare_fd_primitives (lua_State *L) {
  static const Method primitives[] = {
    {"take_client", primitive_take_client, CHANGES, NULL},
    {"wait_client", primitive_wait_client, CHANGES, NULL},
    {NULL, NULL, TELLS, NULL}
  };
  method_add(L, primitives, 0, 0);
  lua_pushcfunction(L, primitive_wrap_fd);
  lua_setfield(L, -2, "wrap_fd");
}
