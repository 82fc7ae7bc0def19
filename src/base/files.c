/*
** files.c -- files, read whole, and where they really are.
*/

#define _XOPEN_SOURCE 700  /* realpath(3) */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
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

static int write_line (int fd, const char *line) {
  struct iovec parts[2];
  ssize_t n, size = (ssize_t)strlen(line) + 1;
  parts[0].iov_base = (char *)line;
  parts[0].iov_len = strlen(line);
  parts[1].iov_base = (char *)"\n";
  parts[1].iov_len = 1;
  do n = writev(fd, parts, 2); while (n < 0 && errno == EINTR);
  if (n < 0) return errno;
  return n == size ? 0 : ENOSPC;
}

int files_append (const char *file, const char *line) {
  /* A pipe that nobody reads is no reason to wait. */
  int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY
                      | O_NONBLOCK, S_IRUSR | S_IWUSR);
  int error = 0;
  if (fd < 0) return errno;
  if (line != NULL) error = write_line(fd, line);
  close(fd);
  return error;
}
