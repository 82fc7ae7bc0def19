/*
** fd_io.h -- the only system calls on sockets. Results are counts or
** 0, and -errno on failure; EINTR is tried again here.
*/
#ifndef LUASSL_FD_IO_H
#define LUASSL_FD_IO_H

#include <poll.h>
#include <stddef.h>

#include "base/clock.h"

/* A socket's address as numbers, or a unix socket's path. */
typedef struct Address {
  char host[128];
  int port;
  const char *family;  /* "inet", "inet6" or "unix" */
} Address;

/* What a descriptor is. */
enum { FD_UNCONNECTED, FD_CONNECTED, FD_LISTENS };

#pragma GCC visibility push(hidden)

/* Waits for READ and WRITE events until `deadline` (of clock_now);
** 1: ready, 0: time is up, -errno. */
int fd_wait (int fd, int events, double deadline);

/* poll(2) for many until `deadline`: how many are ready, 0, -errno. */
int fd_poll (struct pollfd *fds, size_t n, double deadline);

/* Up to `size` bytes into `bytes`, the surplus into `more`; 0: the end,
** -EAGAIN: nothing now. */
ptrdiff_t fd_receive (int fd, void *bytes, size_t size, void *more,
                      size_t room);

/* Sends without SIGPIPE what the kernel takes now. */
ptrdiff_t fd_send (int fd, const void *bytes, size_t size);

/* Non-blocking, and TCP_NODELAY if wanted (and TCP). */
int fd_set_nonblocking (int fd, int nodelay);

/* TCP_NODELAY on or off; other sockets have none. */
void fd_set_nodelay (int fd, int on);

/* FD_*; -EBADF, -ENOTSOCK, -EPROTOTYPE: no stream socket. */
int fd_kind (int fd);

/* The descriptor of a client that waits; -EAGAIN: none does. */
int fd_accept (int fd);

/* A unix stream socket connected to `path` by `deadline`: its fd. */
int fd_connect_unix (const char *path, double deadline);

/* Reads away, without waiting, what would make close send a reset. */
void fd_discard (int fd);

/* Buffer that the peer's system has not confirmed; 0 where nobody knows. */
int fd_unacknowledged (int fd);

/* Ends the sending direction and reads away what comes, until no more than
** `most` bytes are unconfirmed, the peer has ended, or `deadline`. */
void fd_linger (int fd, int most, double deadline);

int fd_peer_name (int fd, Address *name);
int fd_own_name (int fd, Address *name);
int fd_close (int fd);

#pragma GCC visibility pop

#endif
