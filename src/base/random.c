/*
** random.c -- RAND_status, RAND_add, RAND_egd, RAND_bytes.
**
** OpenSSL has no client of the entropy gathering daemon any more, so the
** protocol (EGD's documentation, "The protocol") is spoken here: a request is
** a command and a count. To GIVE the daemon answers a count, at most the one
** asked for, and so many bytes; to WAIT all the bytes, when it has them.
*/

#include <errno.h>
#include <math.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include "base/errors.h"
#include "base/quote.h"
#include "base/random.h"
#include "base/fd_io.h"

/***
@page ssl
@group Certificates and random numbers
*/

#define BYTES_MAX (1 << 24)      /* in one call of RAND_bytes */
#define CHUNK_MAX (1 << 30)      /* RAND_add takes an int */

#define EGD_GIVE 0x01
#define EGD_WAIT 0x02
#define EGD_BYTES 256            /* what the reference reads */
#define EGD_REQUEST_MAX 255      /* a count is one byte */
#define EGD_TIMEOUT 5.0          /* seconds, for all of it */
#define EGD_RETRY 0.02           /* seconds, when its backlog is full */

/***
Whether OpenSSL's random generator is seeded.
@function RAND_status
@treturn boolean true: it is; false: it lacks entropy
@source Python 2.6, ssl; RAND_status(3)
@usage assert(ssl.RAND_status())
*/
static int random_status (lua_State *L) {
  int seeded = RAND_status() == 1;
  errors_clear();
  lua_pushboolean(L, seeded);
  return 1;
}

/***
Mixes bytes into OpenSSL's random generator, which seeds itself: never needed,
and never harmful.
@function RAND_add
@tparam string bytes what to mix in
@tparam number entropy how many bytes of entropy are in it at least; 0 is
always right, more than there are bytes counts as that many
@treturn nothing
@raise when `entropy` is below 0 or no number
@source Python 2.6, ssl; RAND_add(3)
@usage ssl.RAND_add("bytes from elsewhere", 0)
*/
static int random_add (lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  lua_Number entropy = luaL_checknumber(L, 2);
  luaL_argcheck(L, entropy >= 0, 2, "must be a number from 0 on");
  while (size > 0) {
    size_t n = size < CHUNK_MAX ? size : CHUNK_MAX;
    double part = entropy < (lua_Number)n ? (double)entropy : (double)n;
    RAND_add(bytes, (int)n, part);
    entropy -= (lua_Number)part;
    bytes += n;
    size -= n;
  }
  errors_clear();
  return 0;
}

/***
Random bytes, fit for keys.
@function RAND_bytes
@tparam integer n how many, up to 16777216
@treturn[1] string
@treturn[2] nil
@treturn[2] SSLError the generator has failed
@raise when `n` is no integer or out of range
@source RAND_bytes(3)
@usage local key = assert(ssl.RAND_bytes(32))
*/
static int random_bytes (lua_State *L) {
  lua_Number n = luaL_checknumber(L, 1);
  unsigned char *bytes;
  int done;
  luaL_argcheck(L, n >= 0 && n <= BYTES_MAX && n == floor(n), 1,
                "must be an integer from 0 to 16777216");
  bytes = lua_newuserdata(L, (size_t)n + 1);
  errors_clear();
  done = RAND_bytes(bytes, (int)n) == 1;
  if (done) lua_pushlstring(L, (const char *)bytes, (size_t)n);
  OPENSSL_cleanse(bytes, (size_t)n);
  if (!done) return errors_fail(L, "RAND_bytes", "random");
  errors_clear();
  return 1;
}

/* ---- the entropy gathering daemon ---- */

typedef struct Egd {
  int fd;
  double deadline;
  size_t count;       /* bytes that came */
  const char *fault;  /* of the daemon, NULL: see `error` */
  int error;          /* errno; 0 without `fault`: time is up */
  unsigned char bytes[EGD_BYTES];
} Egd;

static int egd_fault (Egd *egd, const char *fault) {
  egd->fault = fault;
  return 0;
}

/* What all steps return: 1 done, 0 failed, with the reason in `egd`. */
static int egd_failed (Egd *egd, ptrdiff_t error) {
  if (error == -EPIPE || error == -ECONNRESET)
    return egd_fault(egd, "the daemon hung up");
  egd->error = error == -ETIMEDOUT ? 0 : (int)-error;
  return 0;
}

static int egd_wait (Egd *egd, int events) {
  int ready = fd_wait(egd->fd, events, egd->deadline);
  return ready > 0 ? 1 : egd_failed(egd, ready);
}

static int egd_connect (Egd *egd, const char *path) {
  for (;;) {
    egd->fd = fd_connect_unix(path, egd->deadline);
    if (egd->fd >= 0) return 1;
    if (egd->fd != -EAGAIN) return egd_failed(egd, egd->fd);
    if (clock_now() >= egd->deadline) return egd_failed(egd, 0);
    fd_wait(-1, 0, clock_now() + EGD_RETRY);
  }
}

static int egd_ask (Egd *egd, int command, size_t count) {
  unsigned char request[2];
  size_t sent = 0;
  request[0] = (unsigned char)command;
  request[1] = (unsigned char)count;
  while (sent < sizeof(request)) {
    ptrdiff_t n = fd_send(egd->fd, request + sent,
                                 sizeof(request) - sent);
    if (n > 0) sent += (size_t)n;
    else if (n < 0 && n != -EAGAIN) return egd_failed(egd, n);
    else if (!egd_wait(egd, WANT_WRITE)) return 0;
  }
  return 1;
}

/* Reads exactly `size` bytes; *got counts them. */
static int egd_read (Egd *egd, unsigned char *bytes, size_t size,
                     size_t *got) {
  for (*got = 0; *got < size;) {
    ptrdiff_t n;
    if (!egd_wait(egd, WANT_READ)) return 0;
    n = fd_receive(egd->fd, bytes + *got, size - *got, NULL, 0);
    if (n > 0) *got += (size_t)n;
    else if (n == 0) return egd_fault(egd, "the daemon hung up");
    else if (n != -EAGAIN) return egd_failed(egd, n);
  }
  return 1;
}

/* Takes `size` bytes to where the others end. */
static int egd_take (Egd *egd, size_t size) {
  size_t got;
  int done = egd_read(egd, egd->bytes + egd->count, size, &got);
  egd->count += got;
  return done;
}

static int egd_give (Egd *egd, size_t wanted) {
  unsigned char offered;
  size_t got;
  if (!egd_ask(egd, EGD_GIVE, wanted)) return 0;
  if (!egd_read(egd, &offered, 1, &got)) return 0;
  if (offered > wanted)
    return egd_fault(egd, "the daemon answers more than it was asked for");
  return egd_take(egd, offered);
}

static int egd_gather (Egd *egd, const char *path) {
  if (!egd_connect(egd, path)) return 0;
  if (!egd_give(egd, EGD_REQUEST_MAX)) return 0;
  if (!egd_give(egd, EGD_BYTES - EGD_REQUEST_MAX)) return 0;
  while (egd->count < EGD_BYTES) {
    size_t missing = EGD_BYTES - egd->count;
    if (missing > EGD_REQUEST_MAX) missing = EGD_REQUEST_MAX;
    if (!egd_ask(egd, EGD_WAIT, missing)) return 0;
    if (!egd_take(egd, missing)) return 0;
  }
  return 1;
}

static int push_egd_failure (lua_State *L, const Egd *egd, const char *path) {
  char name[QUOTE_ROOM];
  if (egd->fault == NULL && egd->error != 0)
    return errors_file_syscall(L, "RAND_egd", path, egd->error);
  lua_pushfstring(L, "%s: %s: %d of %d bytes came", quote_name(name, path),
                  egd->fault != NULL ? egd->fault : "no more within 5 seconds",
                  (int)egd->count, EGD_BYTES);
  return errors_file(L, "RAND_egd", "random", path, lua_tostring(L, -1));
}

/***
Adds 256 bytes from an entropy gathering daemon to OpenSSL's random generator,
which seeds itself from the system: hardly ever needed. Takes up to 5 seconds.
@function RAND_egd
@tparam string path of the daemon's unix socket
@treturn[1] integer 256
@treturn[2] nil
@treturn[2] SSLError SSLSyscallError when the socket fails
@raise when `path` is not a string
@source Python 2.6, ssl; EGD, "The protocol"
@usage local count, err = ssl.RAND_egd("/run/egd-pool")
*/
static int random_egd (lua_State *L) {
  size_t size;
  const char *path = luaL_checklstring(L, 1, &size);
  Egd egd;
  int done;
  if (size == 0 || strlen(path) != size)
    return errors_text(L, ERROR_T, "RAND_egd", "file", "the path %s",
                       size == 0 ? "is empty" : "holds a NUL byte");
  memset(&egd, 0, sizeof(egd));
  egd.fd = -1;
  egd.deadline = clock_now() + EGD_TIMEOUT;
  done = egd_gather(&egd, path);
  if (egd.fd >= 0) fd_close(egd.fd);
  if (done) RAND_add(egd.bytes, EGD_BYTES, EGD_BYTES);
  OPENSSL_cleanse(egd.bytes, sizeof(egd.bytes));
  errors_clear();
  if (!done) return push_egd_failure(L, &egd, path);
  lua_pushinteger(L, EGD_BYTES);
  return 1;
}

int random_open (lua_State *L) {
  static const luaL_Reg functions[] = {
    {"RAND_add", random_add},
    {"RAND_bytes", random_bytes},
    {"RAND_egd", random_egd},
    {"RAND_status", random_status},
    {NULL, NULL}
  };
  lua_newtable(L);
  compat_setfuncs(L, functions, 0);
  return 1;
}
