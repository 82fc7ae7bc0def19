/*
** stored_form.h -- a server's session as the program keeps it.
*/
#ifndef LUASSL_STORED_FORM_H
#define LUASSL_STORED_FORM_H

#include "context/ticket_keys.h"

#define SESSION_ID_SIZE SSL_MAX_SSL_SESSION_ID_LENGTH

#pragma GCC visibility push(hidden)

/* The session of that id, the caller's; NULL: the bytes are none. */
SSL_SESSION *stored_form_read (TicketKeys *keys, const unsigned char *id,
                               const unsigned char *bytes, size_t size);

/* Pushes the arguments of put_session, or of remove_session: their number, 0:
** there was no memory. [-0, +1|3, m] */
int stored_form_push (lua_State *L, TicketKeys *keys, SSL_SESSION *session,
                      int removed);

#pragma GCC visibility pop

#endif
