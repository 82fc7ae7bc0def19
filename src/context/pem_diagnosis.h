/*
** pem_diagnosis.h -- what is the matter with a file or string in which a
** certificate or key was not found. Nothing of what it holds is told but the
** labels of its PEM blocks.
*/
#ifndef LUASSL_PEM_DIAGNOSIS_H
#define LUASSL_PEM_DIAGNOSIS_H

#include <stddef.h>

typedef struct PemText {
  const char *file;            /* its name, as texts may show it; NULL: none */
  const unsigned char *bytes;  /* borrowed */
  size_t size;
} PemText;

#pragma GCC visibility push(hidden)

/* Whether these characters are in it. */
int pem_diagnosis_finds (const PemText *t, const char *characters);

/* How many private keys it has that OpenSSL may read. */
int pem_diagnosis_keys (const PemText *t);

/* What is wrong with the form of the first PEM block that OpenSSL cannot
** read, a static text; NULL: nothing. */
const char *pem_diagnosis_fault (const PemText *t);

/* Why there is no `wanted` ("certificate", "private key") in it, as a sentence
** that says what to do. May leave entries in OpenSSL's error queue. */
void pem_diagnosis_tell (char *sentence, size_t room, const PemText *t,
                         const char *wanted);

#pragma GCC visibility pop

#endif
