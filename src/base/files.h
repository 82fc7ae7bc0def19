/*
** files.h -- files, read whole, and where they really are.
*/
#ifndef LUASSL_FILES_H
#define LUASSL_FILES_H

#include <limits.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/* 0: `*bytes` has all that is in the file, to be freed by OPENSSL_clear_free;
** or an errno, EFBIG above 16 MiB. No descriptor stays open. May leave entries
** in OpenSSL's error queue. */
int files_read (const char *file, unsigned char **bytes, size_t *size);

/* 0: `real`, of PATH_MAX bytes, is the absolute path without symbolic links,
** which names the same wherever the process goes; or an errno. */
int files_real (const char *path, char *real);

/* 0: the line and a newline stand at the end of the file, in one write(2), so
** that nobody else's come in between; or an errno. A new file is for its owner
** alone. NULL: the file is there, and nothing was written. No descriptor stays
** open: a daemon closes those that it does not know, and what is opened then
** gets their numbers. */
int files_append (const char *file, const char *line);

#pragma GCC visibility pop

#endif
