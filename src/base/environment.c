/*
** environment.c -- what a program may take from its environment.
*/

#define _GNU_SOURCE  /* secure_getenv(3) */

#include <stdlib.h>
#include <unistd.h>

#include "base/environment.h"

const char *environment_get (const char *name) {
#if defined(__linux__)
  return secure_getenv(name);
#else
  return getuid() == geteuid() && getgid() == getegid() ? getenv(name) : NULL;
#endif
}
