/*
** foreign_names.h -- what other libraries and programs call options.
*/
#ifndef LUASSL_FOREIGN_NAMES_H
#define LUASSL_FOREIGN_NAMES_H

#include <stddef.h>

typedef struct ForeignName {
  const char *name;
  const char *option;  /* what it is here */
  const char *hint;    /* NULL: none is needed */
} ForeignName;

#pragma GCC visibility push(hidden)

/* The entry for a name, in whatever case and with '_' or '-' anywhere; NULL:
** there is none. */
const ForeignName *foreign_names_find (const char *name);

#pragma GCC visibility pop

#endif
