/*
** used_tickets.h -- which tickets of saved sessions this process has offered.
*/
#ifndef LUASSL_USED_TICKETS_H
#define LUASSL_USED_TICKETS_H

#include <stddef.h>

#pragma GCC visibility push(hidden)

/* Notes the id of a session; 0: no memory, it must not be offered. */
int used_tickets_add (const unsigned char *id, size_t size);

/* 1: it was noted; or nobody knows. */
int used_tickets_has (const unsigned char *id, size_t size);

#pragma GCC visibility pop

#endif
