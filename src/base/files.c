/*
** files.c -- files, read whole, and where they really are.
*/

#define _XOPEN_SOURCE 700  /* realpath(3) */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "base/files.h"

#define FILE_MAX ((size_t)16 << 20)
#define FIRST_ROOM 4096

static int read_all (int fd, unsigned char **bytes, size_t *size) {
  size_t room = 0;
  for (;;) {
    ssize_t n;
    if (*size == room) {
      size_t wanted = room == 0 ? FIRST_ROOM : 2 * room;
      unsigned char *p;
      if (room >= FILE_MAX) return EFBIG;
      p = OPENSSL_clear_realloc(*bytes, room, wanted);
      if (p == NULL) return ENOMEM;
      *bytes = p;
      room = wanted;
    }
    n = read(fd, *bytes + *size, room - *size);
    if (n == 0) return 0;
    if (n > 0) *size += (size_t)n;
    else if (errno != EINTR) return errno;
  }
}

int files_read (const char *file, unsigned char **bytes, size_t *size) {
  int fd = open(file, O_RDONLY | O_CLOEXEC);
  int error;
  *bytes = NULL;
  *size = 0;
  if (fd < 0) return errno;
  error = read_all(fd, bytes, size);
  close(fd);
  if (error == 0) return 0;
  OPENSSL_clear_free(*bytes, *size);
  *bytes = NULL;
  *size = 0;
  return error;
}

int files_real (const char *path, char *real) {
  return realpath(path, real) == NULL ? errno : 0;
}
