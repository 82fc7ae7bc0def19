/*
** stored_form.c -- a server's session as the program keeps it: sealed with the
** context's ticket key, as a ticket is, and for its id alone. Who can write to the
** store decides nothing.
*/

#include <stdio.h>
#include <string.h>

#include "base/errors.h"
#include "context/stored_form.h"

#define LABEL "LuaSSL stored session "
#define LABEL_SIZE (sizeof(LABEL) + 2 * SESSION_ID_SIZE)

/* What it is sealed as: of no other id. */
static void make_label (char *label, const unsigned char *id) {
  int i;
  strcpy(label, LABEL);
  label += sizeof(LABEL) - 1;
  for (i = 0; i < SESSION_ID_SIZE; i++) sprintf(label + 2 * i, "%02x", id[i]);
}

/* Those that OpenSSL makes have that size. NULL: another. */
static const unsigned char *id_of (const SSL_SESSION *session) {
  unsigned int size;
  const unsigned char *id = SSL_SESSION_get_id(session, &size);
  return size == SESSION_ID_SIZE ? id : NULL;
}

static SSL_SESSION *read_into (TicketKeys *keys, const unsigned char *id,
                               const unsigned char *bytes, size_t size,
                               unsigned char *room) {
  char label[LABEL_SIZE];
  const unsigned char *der = room;
  SSL_SESSION *session;
  size_t length;
  make_label(label, id);
  if (!ticket_keys_open(keys, label, bytes, size, room, &length)) return NULL;
  session = d2i_SSL_SESSION(NULL, &der, (long)length);
  OPENSSL_cleanse(room, length);
  return session;
}

SSL_SESSION *stored_form_read (TicketKeys *keys, const unsigned char *id,
                               const unsigned char *bytes, size_t size) {
  unsigned char *room = OPENSSL_malloc(size + 1);
  SSL_SESSION *session = NULL;
  if (room != NULL) session = read_into(keys, id, bytes, size, room);
  OPENSSL_free(room);
  return session;
}

int stored_form_push (lua_State *L, TicketKeys *keys, SSL_SESSION *session,
                      int removed) {
  const unsigned char *id = id_of(session);
  int size = i2d_SSL_SESSION(session, NULL);
  size_t room = (size_t)(size > 0 ? size : 0) + TICKET_SEAL_EXTRA;
  char label[LABEL_SIZE];
  unsigned char *der, *p, *sealed;
  int done;
  if (id == NULL || size <= 0) return 0;
  lua_pushlstring(L, (const char *)id, SESSION_ID_SIZE);
  if (removed) return 1;
  make_label(label, id);
  p = der = lua_newuserdata(L, (size_t)size);
  sealed = lua_newuserdata(L, room);
  done = i2d_SSL_SESSION(session, &p) == size
         && ticket_keys_seal(keys, label, der, (size_t)size, sealed);
  OPENSSL_cleanse(der, (size_t)size);
  errors_clear();
  if (!done) return 0;
  lua_pushlstring(L, (const char *)sealed, room);
  lua_replace(L, -3);
  lua_pop(L, 1);
  lua_pushinteger(L, (lua_Integer)SSL_SESSION_get_timeout(session));
  return 3;
}
