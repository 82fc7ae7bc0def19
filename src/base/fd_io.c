/*
** fd_io.c -- the only system calls on sockets: receive, send, poll with a
** deadline, names, close. Descriptors are non-blocking: each call first tries
** and says -EAGAIN, waiting is fd_wait's business alone.
*/

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/sockios.h>
#endif

#include "base/fd_io.h"

#if defined(MSG_NOSIGNAL)
#define SEND_FLAGS MSG_NOSIGNAL
#else
#define SEND_FLAGS 0  /* fd_set_nonblocking sets SO_NOSIGPIPE instead */
#endif

/* By programs that other threads start meanwhile. */
#if defined(SOCK_CLOEXEC)
#define NOT_INHERITED SOCK_CLOEXEC
#else
#define NOT_INHERITED 0  /* set a moment later */
#endif

#define DISCARD_MAX ((size_t)1 << 20)  /* a peer may send for ever */
#define POLL_MAX 3600.0                /* seconds in one poll(2) */
#define LINGER_PAUSE 0.001             /* seconds between two looks, at first */
#define LINGER_PAUSE_MAX 0.05

/* What is left until `deadline`, in poll(2)'s milliseconds, rounded up so
** that the last poll does not end early. */
static int milliseconds_left (double deadline) {
  double left;
  if (deadline < 0) return -1;
  left = deadline - clock_now();
  if (left <= 0) return 0;
  if (left > POLL_MAX) left = POLL_MAX;
  return (int)ceil(left * 1e3);
}

int fd_poll (struct pollfd *fds, size_t n, double deadline) {
  for (;;) {
    int left = milliseconds_left(deadline);
    int ready = poll(fds, (nfds_t)n, left);
    if (ready > 0) return ready;
    if (ready < 0 && errno != EINTR && errno != EAGAIN) return -errno;
    if (left == 0) return 0;
  }
}

int fd_wait (int fd, int events, double deadline) {
  struct pollfd p;
  int ready;
  p.fd = fd;
  p.events = 0;
  if (events & WANT_READ) p.events |= POLLIN;
  if (events & WANT_WRITE) p.events |= POLLOUT;
  ready = fd_poll(&p, 1, deadline);
  return ready > 0 && p.revents & POLLNVAL ? -EBADF : ready;
}

ptrdiff_t fd_receive (int fd, void *bytes, size_t size, void *more,
                      size_t room) {
  struct iovec parts[2];
  ssize_t n;
  parts[0].iov_base = bytes;
  parts[0].iov_len = size;
  parts[1].iov_base = more;
  parts[1].iov_len = room;
  do {
    n = readv(fd, parts, room > 0 ? 2 : 1);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

ptrdiff_t fd_send (int fd, const void *bytes, size_t size) {
  ssize_t n;
  do {
    n = send(fd, bytes, size, SEND_FLAGS);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return n;
  return errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

int fd_set_nonblocking (int fd, int nodelay) {
  int on = 1;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -errno;
  if (!(flags & O_NONBLOCK) && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    return -errno;
#if defined(SO_NOSIGPIPE)
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#endif
  if (nodelay)  /* fails on unix sockets, which have no delay */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  return 0;
}

void fd_set_nodelay (int fd, int on) {
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int fd_kind (int fd) {
  struct sockaddr_storage address;
  int value = 0;
  socklen_t size = sizeof(value);
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size) < 0) return -errno;
  if (value != SOCK_STREAM) return -EPROTOTYPE;
  size = sizeof(value);
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0
      && value) return FD_LISTENS;
  size = sizeof(address);
  if (getpeername(fd, (struct sockaddr *)&address, &size) == 0)
    return FD_CONNECTED;
  return errno == ENOTCONN || errno == EINVAL ? FD_UNCONNECTED : -errno;
}

/* What ended between the client's call and ours is no failure of the
** listener's: accept(2). */
int fd_accept (int fd) {
  int client;
  do {
    client = accept(fd, NULL, NULL);
  } while (client < 0 && (errno == EINTR || errno == ECONNABORTED));
  if (client < 0) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
  fcntl(client, F_SETFD, FD_CLOEXEC);
  return client;
}

static int connect_by (int fd, const struct sockaddr_un *address,
                       double deadline) {
  int error = 0;
  socklen_t size = sizeof(error);
  int ready = fd_set_nonblocking(fd, 0);
  if (ready < 0) return ready;
  if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
    return 0;
  if (errno != EINPROGRESS && errno != EINTR) return -errno;
  ready = fd_wait(fd, WANT_WRITE, deadline);
  if (ready <= 0) return ready < 0 ? ready : -ETIMEDOUT;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return -errno;
  return -error;
}

int fd_connect_unix (const char *path, double deadline) {
  struct sockaddr_un address;
  size_t size = strlen(path);
  int fd, result;
  if (size >= sizeof(address.sun_path)) return -ENAMETOOLONG;
  memset(&address, 0, sizeof(address));
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, size);
  fd = socket(AF_UNIX, SOCK_STREAM | NOT_INHERITED, 0);
  if (fd < 0) return -errno;
#if !defined(SOCK_CLOEXEC)
  fcntl(fd, F_SETFD, FD_CLOEXEC);
#endif
  result = connect_by(fd, &address, deadline);
  if (result == 0) return fd;
  close(fd);
  return result;
}

void fd_discard (int fd) {
  char scratch[16384];
  size_t total = 0;
  while (total < DISCARD_MAX) {
    ptrdiff_t n = fd_receive(fd, scratch, sizeof(scratch), NULL, 0);
    if (n <= 0) return;
    total += (size_t)n;
  }
}

#if defined(__linux__)

int fd_unacknowledged (int fd) {
  int size = 0, segment;
  socklen_t length = sizeof(segment);
  if (ioctl(fd, SIOCOUTQ, &size) < 0 || size == 0) return 0;
  if (getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, &length) < 0) return 0;
  return size;
}

#else

int fd_unacknowledged (int fd) {
  (void)fd;
  return 0;
}

#endif

/* No event tells of a confirmation: it is looked for every so often. The end
** of sending counts as one byte. */
void fd_linger (int fd, int most, double deadline) {
  char scratch[16384];
  double pause = LINGER_PAUSE;
  size_t total = 0;
  int ended = 0;
  if (shutdown(fd, SHUT_WR) < 0) return;
  while (fd_unacknowledged(fd) > most + 1 && total < DISCARD_MAX) {
    double now = clock_now(), until = now + pause;
    ptrdiff_t n = 0;
    if (!ended) n = fd_receive(fd, scratch, sizeof(scratch), NULL, 0);
    if (n < 0 && n != -EAGAIN) return;
    if (n > 0) total += (size_t)n;
    if (n == 0) ended = 1;
    if (now >= deadline) return;
    if (until > deadline) until = deadline;
    if (ended) fd_poll(NULL, 0, until);
    else if (n < 0) fd_wait(fd, WANT_READ, until);
    if (pause < LINGER_PAUSE_MAX) pause *= 2;
  }
}

/* The path of a unix socket, which may be unnamed or fill its array. */
static void path_of (const struct sockaddr_storage *address, socklen_t size,
                     Address *name) {
  size_t start = offsetof(struct sockaddr_un, sun_path);
  size_t n = size > start ? size - start : 0;
  if (n > sizeof(*address) - start) n = sizeof(*address) - start;
  memcpy(name->host, (const char *)address + start, n);
}

static int name_of (const struct sockaddr_storage *address, socklen_t size,
                    Address *name) {
  char port[8];
  int result;
  memset(name, 0, sizeof(*name));
  name->family = "unix";
  if (address->ss_family == AF_UNIX) {
    path_of(address, size, name);
    return 0;
  }
  name->family = address->ss_family == AF_INET6 ? "inet6" : "inet";
  result = getnameinfo((const struct sockaddr *)address, size, name->host,
                       sizeof(name->host), port, sizeof(port),
                       NI_NUMERICHOST | NI_NUMERICSERV);
  if (result != 0) return -EAFNOSUPPORT;
  name->port = atoi(port);
  return 0;
}

int fd_peer_name (int fd, Address *name) {
  struct sockaddr_storage address;
  socklen_t size = sizeof(address);
  memset(&address, 0, sizeof(address));
  if (getpeername(fd, (struct sockaddr *)&address, &size) < 0) return -errno;
  return name_of(&address, size, name);
}

int fd_own_name (int fd, Address *name) {
  struct sockaddr_storage address;
  socklen_t size = sizeof(address);
  memset(&address, 0, sizeof(address));
  if (getsockname(fd, (struct sockaddr *)&address, &size) < 0) return -errno;
  return name_of(&address, size, name);
}

int fd_close (int fd) {
  return close(fd) == 0 || errno == EINTR ? 0 : -errno;
}
