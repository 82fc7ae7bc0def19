/*
** file_identity.c -- whether files are still the ones they were.
*/

#include <sys/stat.h>

#include "base/file_identity.h"

static void mix (uint64_t *stamp, uint64_t value) {
  *stamp = (*stamp ^ value) * UINT64_C(1099511628211);  /* FNV's prime */
}

int file_identity_path (uint64_t *stamp, const char *path) {
  struct stat status;
  if (*path == '\0' || stat(path, &status) != 0) {
    mix(stamp, 0);
    return 0;
  }
  mix(stamp, (uint64_t)status.st_dev);
  mix(stamp, (uint64_t)status.st_ino);
  mix(stamp, (uint64_t)status.st_size);
  mix(stamp, (uint64_t)status.st_mtim.tv_sec);
  mix(stamp, (uint64_t)status.st_mtim.tv_nsec);
  mix(stamp, (uint64_t)status.st_ctim.tv_sec);  /* touch(1) cannot set it */
  mix(stamp, (uint64_t)status.st_ctim.tv_nsec);
  return 1;
}
