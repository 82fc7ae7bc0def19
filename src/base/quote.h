/*
** quote.h -- the caller's words in our texts, and those that are no part of
** any text: whoever mistakes one option for another must not find a private
** key in a log.
*/
#ifndef LUASSL_QUOTE_H
#define LUASSL_QUOTE_H

#include <stddef.h>

#define QUOTE_ROOM 256
#define QUOTE_NAME_MAX 4095  /* of a path: PATH_MAX with its NUL, on Linux */

#pragma GCC visibility push(hidden)

/* Whether it is PEM of whatever kind or begins like a private key in DER, as
** bytes or in base64. A NUL has to stand behind it. */
int quote_is_key (const char *text, size_t size);

/* Whether it is that, or has control characters: secrets have lines, names
** and lists have none. */
int quote_hides (const char *text, size_t size);

/* Copies whole characters of UTF-8, at most `size` - 1 bytes, with '?' for each
** byte of what is none, or controls a terminal. */
void quote_clean (char *to, size_t size, const char *from);

/* Fills `room`: the text in quotes, its end cut if it is long; or "a text of
** 1704 bytes". */
const char *quote_text (char *room, const char *text);

/* The same for a file's name, without quotes, its beginning cut; or "a file
** whose name is not shown". */
const char *quote_name (char *room, const char *name);

#pragma GCC visibility pop

#endif
