/*
** psk.c -- the option psk: pre-shared keys, on a server by identity, on a
** client by host. They are copied out of Lua, so that they can be looked up
** inside of OpenSSL, and cleansed with their context.
*/

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "context/options.h"
#include "context/psk.h"
#include "x509/hostname.h"

/* Its bytes follow each other: name, identity, key. A server's identity is the
** name. */
typedef struct Entry {
  const unsigned char *bytes;
  size_t name, identity, key;  /* sizes */
  int hash;
} Entry;

struct PskTable {
  size_t size;   /* of all of it */
  size_t count;
  Entry entries[1];
};

int psk_hash (const char *name) {
  if (strcmp(name, "sha256") == 0) return PSK_SHA256;
  if (strcmp(name, "sha384") == 0) return PSK_SHA384;
  return 0;
}

/* ---- what may stand there; `what` names no identity and no key ---- */

#define WRONG_ENTRY "must have a key, or a table {key=, hash=}, for each " \
                    "identity"
#define WRONG_HOST_ENTRY "must have a table {identity=, key=, hash=} for " \
                         "each host"

static void check_size (lua_State *L, int index, const char *what, int low,
                        int high) {
  size_t size;
  if (lua_type(L, index) != LUA_TSTRING)
    options_raise(L, "psk", "must have %s that are strings, not a %s", what,
                  luaL_typename(L, index));
  lua_tolstring(L, index, &size);
  if (size < (size_t)low || size > (size_t)high)
    options_raise(L, "psk", "must have %s of %d to %d bytes", what, low,
                  high);
}

static void check_hash (lua_State *L, int index) {
  size_t size;
  const char *name;
  if (lua_isnil(L, index)) return;
  name = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size)
                                           : NULL;
  if (name == NULL || strlen(name) != size || psk_hash(name) == 0)
    options_raise(L, "psk", "must have \"sha256\" or \"sha384\" for a hash");
}

/* The name at `index` - 1, the table at `index`. */
static void check_fields (lua_State *L, int index, int server_side) {
  static const char *const known[] = {"hash", "key", "identity"};
  int i, n = server_side ? 2 : 3;
  for (lua_pushnil(L); lua_next(L, index) != 0; lua_pop(L, 1)) {
    for (i = 0; i < n; i++) {
      lua_pushstring(L, known[i]);
      if (lua_rawequal(L, -1, -3)) break;
      lua_pop(L, 1);
    }
    if (i == n)
      options_raise(L, "psk", server_side ? WRONG_ENTRY : WRONG_HOST_ENTRY);
    lua_pop(L, 1);
  }
  lua_pushliteral(L, "hash");
  lua_rawget(L, index);
  check_hash(L, index + 1);
  lua_pushliteral(L, "identity");
  lua_rawget(L, index);
  if (!server_side)
    check_size(L, index + 2, "identities", 1, PSK_IDENTITY_MAX);
  lua_pushliteral(L, "key");
  lua_rawget(L, index);
  check_size(L, index + 3, "keys", PSK_KEY_MIN, PSK_KEY_MAX);
  lua_settop(L, index);
}

static void check_name (lua_State *L, int index, int server_side) {
  Hostname host;
  const char *why, *name;
  size_t size;
  if (server_side) {
    check_size(L, index, "identities", 1, PSK_IDENTITY_MAX);
    return;
  }
  check_size(L, index, "host names", 1, HOSTNAME_MAX + 1);
  name = lua_tolstring(L, index, &size);
  if (!hostname_parse(name, size, &host, &why))
    options_raise(L, "psk", "has a host name that no server can have: %s",
                  why);
}

void psk_check (lua_State *L, int options, int server_side) {
  int table = lua_gettop(L) + 1, any = 0;
  if (options_push(L, options, "psk") != LUA_TTABLE) {
    lua_pop(L, 1);
    return;
  }
  luaL_checkstack(L, 12, "psk");
  if (luaL_getmetafield(L, table, "__index"))
    options_raise(L, "psk", "must be a plain table");
  for (lua_pushnil(L); lua_next(L, table) != 0; lua_settop(L, table + 1)) {
    any = 1;
    check_name(L, table + 1, server_side);
    if (lua_istable(L, table + 2)) check_fields(L, table + 2, server_side);
    else if (!server_side) options_raise(L, "psk", WRONG_HOST_ENTRY);
    else check_size(L, table + 2, "keys", PSK_KEY_MIN, PSK_KEY_MAX);
  }
  if (!any) options_raise(L, "psk", "is empty: nobody would be known");
  lua_settop(L, table - 1);
}

/* ---- taking it: nothing here raises, the strings are there ---- */

typedef struct Texts {
  const char *name, *identity, *key;
  size_t name_size, identity_size, key_size;
  int hash;
} Texts;

static const char *field (lua_State *L, int table, const char *name,
                          size_t *size) {
  const char *text = NULL;
  *size = 0;
  lua_pushstring(L, name);
  lua_rawget(L, table);
  if (lua_type(L, -1) == LUA_TSTRING) text = lua_tolstring(L, -1, size);
  lua_pop(L, 1);  /* the table has it */
  return text;
}

/* The entry whose name and value are the two at the top. */
static void take_texts (lua_State *L, Texts *t) {
  int value = lua_gettop(L);
  const char *hash = NULL;
  size_t unused;
  memset(t, 0, sizeof(*t));
  t->name = lua_tolstring(L, value - 1, &t->name_size);
  if (lua_istable(L, value)) {
    t->key = field(L, value, "key", &t->key_size);
    t->identity = field(L, value, "identity", &t->identity_size);
    hash = field(L, value, "hash", &unused);
  }
  else t->key = lua_tolstring(L, value, &t->key_size);
  t->hash = hash != NULL ? psk_hash(hash) : PSK_SHA256;
}

/* As it is looked up: a host as connections have it. */
static size_t put_name (unsigned char *bytes, const Texts *t,
                        int server_side) {
  Hostname host;
  const char *why;
  size_t i, size = t->name_size;
  const char *text = t->name;
  if (!server_side && hostname_parse(t->name, t->name_size, &host, &why)) {
    text = host.text;
    size = strlen(text);
  }
  for (i = 0; i < size; i++) {
    unsigned char c = (unsigned char)text[i];
    if (!server_side && c >= 'A' && c <= 'Z') c = (unsigned char)(c + 32);
    bytes[i] = c;
  }
  return size;
}

static size_t put (Entry *e, unsigned char *bytes, const Texts *t,
                   int server_side) {
  e->bytes = bytes;
  e->name = put_name(bytes, t, server_side);
  e->identity = t->identity_size;
  e->key = t->key_size;
  e->hash = t->hash;
  if (e->identity > 0) memcpy(bytes + e->name, t->identity, e->identity);
  memcpy(bytes + e->name + e->identity, t->key, e->key);
  return e->name + e->identity + e->key;
}

static int compare_names (const void *a, size_t size, const void *b,
                          size_t other) {
  if (size != other) return size < other ? -1 : 1;
  return memcmp(a, b, size);
}

static int compare (const void *a, const void *b) {
  const Entry *one = a, *other = b;
  return compare_names(one->bytes, one->name, other->bytes, other->name);
}

int psk_read (lua_State *L, int options, int server_side, PskTable **table) {
  size_t count = 0, size = 0;
  unsigned char *bytes;
  int top = lua_gettop(L);
  PskTable *t;
  Texts texts;
  luaL_checkstack(L, 8, "psk");
  lua_pushliteral(L, "identity");  /* what `field` looks for: they exist now */
  lua_pushliteral(L, "hash");
  lua_pushliteral(L, "key");
  *table = NULL;
  if (options_push(L, options, "psk") == LUA_TTABLE) {
    for (lua_pushnil(L); lua_next(L, top + 4) != 0; lua_pop(L, 1)) {
      take_texts(L, &texts);
      size += texts.name_size + texts.identity_size + texts.key_size;
      count++;
    }
    size += sizeof(*t) + count * sizeof(t->entries[0]);
    t = *table = OPENSSL_zalloc(size);
    if (t != NULL) {
      t->size = size;
      bytes = (unsigned char *)&t->entries[count + 1];
      for (lua_pushnil(L); lua_next(L, top + 4) != 0; lua_pop(L, 1)) {
        take_texts(L, &texts);
        bytes += put(&t->entries[t->count++], bytes, &texts, server_side);
      }
      qsort(t->entries, t->count, sizeof(t->entries[0]), compare);
    }
  }
  lua_settop(L, top);
  return count == 0 || *table != NULL;
}

void psk_free (PskTable *table) {
  if (table != NULL) OPENSSL_clear_free(table, table->size);
}

/* ---- looking it up ---- */

int psk_find (const PskTable *table, const void *name, size_t size, Psk *psk) {
  size_t low = 0, high = table->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    const Entry *e = &table->entries[middle];
    int order = compare_names(name, size, e->bytes, e->name);
    if (order == 0) {
      psk->identity = e->identity > 0 ? e->bytes + e->name : e->bytes;
      psk->identity_size = e->identity > 0 ? e->identity : e->name;
      psk->key = e->bytes + e->name + e->identity;
      psk->key_size = e->key;
      psk->hash = e->hash;
      return 1;
    }
    if (order < 0) high = middle;
    else low = middle + 1;
  }
  return 0;
}
