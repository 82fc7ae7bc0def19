/*
** preload.c -- what specs pretend to a process of their own: another time, an
** OpenSSL without stacks to switch, an older one, a look at session id
** contexts.
** spec/support/resuming_handshakes.lua builds it and preloads it.
**
** LUASSL_CLOCK: a file with the seconds by which time(2) is ahead, and
** gettimeofday(2), which OpenSSL asks from 3.2 on.
** LUASSL_NO_ASYNC: set: ASYNC_is_capable(3) says no, and no job starts.
** LUASSL_NO_RETRY: set: SSL_set_retry_verify(3) answers 0.
** LUASSL_ENGINE: an engine that computes elsewhere: EVP_DigestSign(3) pauses
** the job that it runs in, that many times; with a descriptor that is ready, if
** LUASSL_ENGINE_FD is set. A line on stderr tells of each time.
** LUASSL_VERSION: what OpenSSL_version_num(3) answers, in hexadecimal digits.
** LUASSL_IDS: a file that gets each session id context, a line of hex.
*/

#define _GNU_SOURCE  /* RTLD_NEXT */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <openssl/async.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

static void find (const char *name, void *function) {
  void *symbol = dlsym(RTLD_NEXT, name);
  memcpy(function, &symbol, sizeof(symbol));  /* ISO C has no such cast */
}

static struct timespec ahead (void) {
  const char *name = getenv("LUASSL_CLOCK");
  FILE *file = name != NULL ? fopen(name, "r") : NULL;
  struct timespec now;
  char line[32];
  clock_gettime(CLOCK_REALTIME, &now);
  if (file != NULL) {
    if (fgets(line, sizeof(line), file) != NULL)
      now.tv_sec += strtol(line, NULL, 10);
    fclose(file);
  }
  return now;
}

time_t time (time_t *result) {
  struct timespec now = ahead();
  if (result != NULL) *result = now.tv_sec;
  return now.tv_sec;
}

int gettimeofday (struct timeval *result, void *zone) {
  struct timespec now = ahead();
  (void)zone;
  result->tv_sec = now.tv_sec;
  result->tv_usec = (suseconds_t)(now.tv_nsec / 1000);
  return 0;
}

int ASYNC_is_capable (void) {
  int (*real) (void);
  if (getenv("LUASSL_NO_ASYNC") != NULL) return 0;
  find("ASYNC_is_capable", &real);
  return real != NULL && real();
}

int ASYNC_start_job (ASYNC_JOB **job, ASYNC_WAIT_CTX *wait, int *result,
                     int (*function) (void *), void *data, size_t size) {
  int (*real) (ASYNC_JOB **, ASYNC_WAIT_CTX *, int *, int (*) (void *),
               void *, size_t);
  if (getenv("LUASSL_NO_ASYNC") != NULL) return ASYNC_NO_JOBS;
  find("ASYNC_start_job", &real);
  return real == NULL ? ASYNC_ERR : real(job, wait, result, function, data,
                                         size);
}

long SSL_ctrl (SSL *ssl, int command, long number, void *pointer) {
  long (*real) (SSL *, int, long, void *);
  if (command == SSL_CTRL_SET_RETRY_VERIFY && getenv("LUASSL_NO_RETRY") != NULL)
    return 0;
  find("SSL_ctrl", &real);
  return real == NULL ? 0 : real(ssl, command, number, pointer);
}

unsigned long OpenSSL_version_num (void) {
  const char *version = getenv("LUASSL_VERSION");
  unsigned long (*real) (void);
  if (version != NULL) return strtoul(version, NULL, 16);
  find("OpenSSL_version_num", &real);
  return real == NULL ? 0 : real();
}

int SSL_set_session_id_context (SSL *ssl, const unsigned char *id,
                                unsigned int size) {
  const char *name = getenv("LUASSL_IDS");
  FILE *file = name != NULL ? fopen(name, "a") : NULL;
  int (*real) (SSL *, const unsigned char *, unsigned int);
  if (file != NULL) {
    unsigned int i;
    for (i = 0; i < size; i++) fprintf(file, "%02x", id[i]);
    fprintf(file, "\n");
    fclose(file);
  }
  find("SSL_set_session_id_context", &real);
  return real != NULL && real(ssl, id, size);
}

static char ends_key;

int EVP_DigestSign (EVP_MD_CTX *context, unsigned char *signature,
                    size_t *size, const unsigned char *text, size_t length) {
  int (*real) (EVP_MD_CTX *, unsigned char *, size_t *, const unsigned char *,
               size_t);
  const char *times = getenv("LUASSL_ENGINE");
  int i, n = times != NULL && signature != NULL ? atoi(times) : 0, ends[2];
  ASYNC_JOB *job = ASYNC_get_current_job();
  if (job == NULL) n = 0;
  if (n > 0 && getenv("LUASSL_ENGINE_FD") != NULL && pipe(ends) == 0) {
    ASYNC_WAIT_CTX_set_wait_fd(ASYNC_get_wait_ctx(job), &ends_key, ends[0],
                               NULL, NULL);
    if (write(ends[1], "x", 1) != 1) abort();
  }
  for (i = 0; i < n; i++) {
    fprintf(stderr, "engine\n");
    ASYNC_pause_job();
  }
  find("EVP_DigestSign", &real);
  return real == NULL ? 0 : real(context, signature, size, text, length);
}
