/*
** record_size.h -- how many bytes of data go into a record.
*/
#ifndef LUASSL_RECORD_SIZE_H
#define LUASSL_RECORD_SIZE_H

#include "connection/connection.h"

#pragma GCC visibility push(hidden)

/* The handshake is done: what it and the options allow is Connection.record. */
void record_size_settle (Connection *c);

/* Of the next record, where the option record_size is "dynamic". */
size_t record_size_next (Connection *c);

#pragma GCC visibility pop

#endif
