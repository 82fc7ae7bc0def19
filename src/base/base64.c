/*
** base64.c -- base64 as PEM has it, by OpenSSL.
**
** A line at a time: OpenSSL counts in int, a Lua string may be longer.
*/

#include <string.h>

#include <openssl/evp.h>

#include "base/base64.h"

#define LINE_BYTES 48
#define LINE_CHARS 64  /* the same in base64 */

void base64_add (luaL_Buffer *b, const unsigned char *bytes, size_t size) {
  unsigned char line[LINE_CHARS + 1];
  size_t i;
  for (i = 0; i < size; i += LINE_BYTES) {
    size_t n = size - i < LINE_BYTES ? size - i : LINE_BYTES;
    n = (size_t)EVP_EncodeBlock(line, bytes + i, (int)n);
    luaL_addlstring(b, (const char *)line, n);
    luaL_addchar(b, '\n');
  }
}

static int encode (lua_State *L) {
  size_t size;
  const char *bytes = luaL_checklstring(L, 1, &size);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  base64_add(&b, (const unsigned char *)bytes, size);
  luaL_pushresult(&b);
  return 1;
}

/* How many bytes a line makes, 0 if it is no base64. EVP_DecodeBlock passes
** over white space and bits behind the end; encoding its answer shows that. */
static size_t decode_line (unsigned char *bytes, const char *text, size_t n) {
  unsigned char again[LINE_CHARS + 1];
  size_t size = n / 4 * 3;
  if (n % 4 != 0) return 0;
  memset(bytes, 0, LINE_BYTES);
  if (EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)n) < 0)
    return 0;
  if (text[n - 1] == '=') size -= text[n - 2] == '=' ? 2 : 1;
  return EVP_EncodeBlock(again, bytes, (int)size) == (int)n
         && memcmp(again, text, n) == 0 ? size : 0;
}

static int decode (lua_State *L) {
  unsigned char bytes[LINE_BYTES];
  size_t size, i, n, got;
  const char *text = luaL_checklstring(L, 1, &size);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (i = 0; i < size; i += n) {
    n = size - i < LINE_CHARS ? size - i : LINE_CHARS;
    got = decode_line(bytes, text + i, n);
    if (got == 0 || (got < n / 4 * 3 && i + n < size)) {
      lua_pushnil(L);  /* no base64, or its end before the text's */
      return 1;
    }
    luaL_addlstring(&b, (const char *)bytes, got);
  }
  luaL_pushresult(&b);
  return 1;
}

static const luaL_Reg functions[] = {
  {"decode", decode},
  {"encode", encode},
  {NULL, NULL}
};

int base64_open (lua_State *L) {
  lua_newtable(L);
  compat_setfuncs(L, functions, 0);
  return 1;
}
