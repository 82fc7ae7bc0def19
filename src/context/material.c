/*
** material.c -- how OpenSSL is given the passphrase of what an option holds.
*/

#include <string.h>

#include "context/material.h"

int material_on_passphrase (char *room, int size, int writing, void *data) {
  Passphrase *p = (Passphrase *)data;
  (void)writing;
  p->asked = 1;
  if (p->text == NULL || p->size > (size_t)size) return -1;
  memcpy(room, p->text, p->size);
  return (int)p->size;
}
