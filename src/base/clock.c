/*
** clock.c -- monotonic time.
*/

#include <time.h>

#include "base/clock.h"

double clock_now (void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
