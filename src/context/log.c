/*
** log.c -- where the lines of the options keylog and trace go: to a file, or to
** a function, which stays in the options.
*/

#include <limits.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/environment.h"
#include "base/errors.h"
#include "base/files.h"
#include "context/log.h"
#include "context/options.h"

#define ENVIRONMENT "environment"
#define VARIABLE "SSLKEYLOGFILE"

struct Log {
  int to_function;
  char file[PATH_MAX];  /* absolute: the process may go elsewhere */
};

static int fail (lua_State *L, const char *name, const char *file,
                 int error) {
  if (error == 0) errors_text(L, ERROR_T, name, "memory", "out of memory");
  else errors_file_syscall(L, name, file, error);
  return 0;
}

/* NULL: the variable is not set, and nothing is logged. */
static const char *find_file (const char *name, const char *text) {
  const char *file = text;
  if (strcmp(name, "keylog") == 0 && strcmp(text, ENVIRONMENT) == 0)
    file = environment_get(VARIABLE);
  return file != NULL && file[0] != '\0' ? file : NULL;
}

int log_read (lua_State *L, int options, const char *name, Log **log) {
  const char *text = options_string(L, options, name, NULL);
  const char *file = text != NULL ? find_file(name, text) : NULL;
  int to_function = options_push(L, options, name) == LUA_TFUNCTION;
  int error;
  lua_pop(L, 1);
  if (file == NULL && !to_function) return 1;
  *log = OPENSSL_zalloc(sizeof(**log));
  if (*log == NULL) return fail(L, name, NULL, 0);
  (*log)->to_function = to_function;
  if (to_function) return 1;
  error = files_append(file, NULL);
  if (error == 0) error = files_real(file, (*log)->file);
  return error == 0 || fail(L, name, file, error);
}

void log_free (Log *log) {
  OPENSSL_free(log);
}

const char *log_file (const Log *log) {
  return log->to_function ? NULL : log->file;
}
