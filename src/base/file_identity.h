/*
** file_identity.h -- whether files are still the ones they were.
*/
#ifndef LUASSL_FILE_IDENTITY_H
#define LUASSL_FILE_IDENTITY_H

#include <stdint.h>

#pragma GCC visibility push(hidden)

/* Mixes into `stamp` what changes with the file: device, inode, size, times
** of its content and of its status; 1: it exists. */
int file_identity_path (uint64_t *stamp, const char *path);

#pragma GCC visibility pop

#endif
