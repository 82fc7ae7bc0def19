/*
** inject.c -- a system that is never smooth, for LD_PRELOAD: reads and writes
** on sockets are cut short, interrupted (EINTR) and refused (EAGAIN) at
** random. LUASSL_INJECT is the seed, and the count goes to standard error, with
** that of the bytes that the kernel took from `send`.
*/

#define _GNU_SOURCE  /* RTLD_NEXT */

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

typedef ssize_t (*Readv) (int, const struct iovec *, int);
typedef ssize_t (*Send) (int, const void *, size_t, int);
typedef int (*Poll) (struct pollfd *, nfds_t, int);

static uint32_t state;
static unsigned long short_ones, interrupted, refused, taken;

static uint32_t draw (uint32_t n) {
  state ^= state << 13;  /* xorshift32 */
  state ^= state >> 17;
  state ^= state << 5;
  return state % n;
}

/* 1: fail with errno set; otherwise `*size` may have become smaller. */
static int disturb (size_t *size) {
  switch (draw(4)) {
    case 0: interrupted++; errno = EINTR; return 1;
    case 1: refused++; errno = EAGAIN; return 1;
    case 2:
      if (*size > 1) {
        short_ones++;
        *size = 1 + draw((uint32_t)*size - 1);
      }
      return 0;
    default: return 0;
  }
}

/* ISO C has no cast from void * to a function. */
static void find (const char *name, void *function) {
  *(void **)function = dlsym(RTLD_NEXT, name);
  if (*(void **)function == NULL) abort();
}

ssize_t readv (int fd, const struct iovec *parts, int count) {
  static Readv original;
  struct iovec first[2];
  size_t size = 0;
  int i;
  if (original == NULL) find("readv", &original);
  if (state == 0 || count > 2) return original(fd, parts, count);
  for (i = 0; i < count; i++) size += parts[i].iov_len;
  if (disturb(&size)) return -1;
  for (i = 0; i < count; i++) {
    first[i] = parts[i];
    if (first[i].iov_len > size) first[i].iov_len = size;
    size -= first[i].iov_len;
  }
  return original(fd, first, count);
}

ssize_t send (int fd, const void *bytes, size_t size, int flags) {
  static Send original;
  ssize_t n;
  if (original == NULL) find("send", &original);
  if (state != 0 && disturb(&size)) return -1;
  n = original(fd, bytes, size, flags);
  if (n > 0) taken += (unsigned long)n;
  return n;
}

int poll (struct pollfd *fds, nfds_t count, int timeout) {
  static Poll original;
  if (original == NULL) find("poll", &original);
  if (state != 0 && draw(4) == 0) {
    interrupted++;
    errno = EINTR;
    return -1;
  }
  return original(fds, count, timeout);
}

static void report (void) {
  fprintf(stderr, "injected: %lu short, %lu EINTR, %lu EAGAIN\n", short_ones,
          interrupted, refused);
  fprintf(stderr, "taken %lu\n", taken);
}

__attribute__((constructor)) static void start (void) {
  const char *seed = getenv("LUASSL_INJECT");
  if (seed == NULL) return;
  state = (uint32_t)strtoul(seed, NULL, 10) * 2654435761u | 1;
  atexit(report);
}
