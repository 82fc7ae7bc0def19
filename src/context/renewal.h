/*
** renewal.h -- what a context keeps when `set` or `reload` renews it.
*/
#ifndef LUASSL_RENEWAL_H
#define LUASSL_RENEWAL_H

#include "context/policy.h"

#pragma GCC visibility push(hidden)

/* Gives `to` the ticket keys of `from`, and the sessions as far as they are
** bound to the same; 0: see the error queue. Their policies are at hand. */
int renewal_carry_over (SSL_CTX *from, const Policy *old, SSL_CTX *to,
                        Policy *fresh);

#pragma GCC visibility pop

#endif
