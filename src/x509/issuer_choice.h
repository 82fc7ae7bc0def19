/*
** issuer_choice.h -- which of several authorities of one name signed a
** certificate.
*/
#ifndef LUASSL_ISSUER_CHOICE_H
#define LUASSL_ISSUER_CHOICE_H

#include <openssl/x509_vfy.h>

/* Of one chain: what the app data of its X509_STORE_CTX begins with. All zero
** before. */
typedef struct IssuerChoice {
  int tries;              /* signatures that were looked at */
  const X509 *unsigned_;  /* borrowed: signed by nobody of its issuer's name;
                             NULL: there is none */
} IssuerChoice;

#pragma GCC visibility push(hidden)

/* For chains that are built with this store. */
void issuer_choice_install (X509_STORE *store);

#pragma GCC visibility pop

#endif
