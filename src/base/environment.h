/*
** environment.h -- what a program may take from its environment.
*/
#ifndef LUASSL_ENVIRONMENT_H
#define LUASSL_ENVIRONMENT_H

#pragma GCC visibility push(hidden)

/* The variable's value, borrowed; NULL: unset, or the program has the rights
** of others: who runs it does not choose for it. */
const char *environment_get (const char *name);

#pragma GCC visibility pop

#endif
