/*
** quote.c -- the caller's words in our texts, and those that are no part of
** any text.
*/

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/quote.h"

#define SHOWN_MAX 200
#define KEY_MIN 40  /* bytes; no key has less */
#define ALPHABET \
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

/* ---- what is never shown ---- */

static int holds (const char *text, size_t size, const char *word) {
  size_t length = strlen(word);
  const char *end = text + size;
  while ((size_t)(end - text) >= length) {
    if (memcmp(text, word, length) == 0) return 1;
    text = memchr(text + 1, *word, (size_t)(end - text) - 1);
    if (text == NULL) return 0;
  }
  return 0;
}

/* The first bytes of a private key in DER: a SEQUENCE (X.690, 8.1.3) of a
** version (RFC 5208, 5; RFC 8017, A.1.2; RFC 5915, 3; RFC 7292, 4) or, if it
** is encrypted, of another SEQUENCE. Random bytes are hardly ever like that. */
static int begins_key (const unsigned char *p) {
  int is_long = p[1] == 0x81 || p[1] == 0x82;
  if (p[0] != 0x30 || (p[1] >= 0x80 && !is_long)) return 0;
  if (is_long) p += p[1] - 0x80;
  return (p[2] == 0x02 && p[3] == 0x01) || (is_long && p[2] == 0x30);
}

static int is_der (const char *text, size_t size) {
  return size >= KEY_MIN && begins_key((const unsigned char *)text);
}

static int is_base64 (const char *text, size_t size) {
  unsigned char bytes[6];
  if (size < KEY_MIN || strspn(text, ALPHABET) < KEY_MIN) return 0;
  return EVP_DecodeBlock(bytes, (const unsigned char *)text, 8) == 6
         && begins_key(bytes);
}

int quote_is_key (const char *text, size_t size) {
  return holds(text, size, "-----BEGIN") || holds(text, size, "-----END")
         || is_der(text, size) || is_base64(text, size);
}

int quote_hides (const char *text, size_t size) {
  size_t i;
  for (i = 0; i < size; i++)
    if ((unsigned char)text[i] < ' ' || text[i] == 127) return 1;
  return quote_is_key(text, size);
}

/* ---- what is ---- */

/* The number of bytes of the character of UTF-8 that begins here; 0: none
** does, or a control character (C0, DEL, C1: U+0080 to U+009F). */
static size_t character (const unsigned char *p) {
  size_t i, n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2
                : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
  if (p[0] < ' ' || p[0] == 127) return 0;
  for (i = 1; i < n; i++)
    if ((p[i] & 0xc0) != 0x80) return 0;
  return n == 2 && p[0] == 0xc2 && p[1] < 0xa0 ? 0 : n;
}

void quote_clean (char *to, size_t size, const char *from) {
  size_t used = 0;
  while (*from != '\0') {
    size_t n = character((const unsigned char *)from);
    if (used + (n > 0 ? n : 1) >= size) break;
    if (n == 0) to[used++] = '?';
    else memcpy(to + used, from, n);
    used += n;
    from += n > 0 ? n : 1;
  }
  to[used] = '\0';
}

const char *quote_text (char *room, const char *text) {
  char shown[SHOWN_MAX + 1];
  size_t size = strlen(text);
  if (quote_hides(text, size))
    snprintf(room, QUOTE_ROOM, "a text of %lu bytes", (unsigned long)size);
  else {
    quote_clean(shown, sizeof(shown), text);
    snprintf(room, QUOTE_ROOM, "\"%s\"%s", shown,
             size > SHOWN_MAX ? "..." : "");
  }
  return room;
}

const char *quote_name (char *room, const char *name) {
  char shown[SHOWN_MAX + 1];
  size_t size = strlen(name);
  size_t cut = size > SHOWN_MAX ? size - SHOWN_MAX : 0;
  while (cut > 0 && ((unsigned char)name[cut] & 0xc0) == 0x80) cut++;
  quote_clean(shown, sizeof(shown), name + cut);
  if (size > QUOTE_NAME_MAX || quote_hides(name, size))
    snprintf(room, QUOTE_ROOM, "a file whose name is not shown");
  else snprintf(room, QUOTE_ROOM, "%s%s", cut > 0 ? "..." : "", shown);
  return room;
}
