/*
** renewal.h -- what a context keeps when `set` or `reload` renews it.
*/
#ifndef LUASSL_RENEWAL_H
#define LUASSL_RENEWAL_H

#include "context/policy.h"

#pragma GCC visibility push(hidden)

/* Gives `to` the ticket keys and the sessions of `from`, as far as it trusts
** the same; 0: see the error queue. Their policies are at hand. */
int renewal_carry_over (SSL_CTX *from, const Policy *old, SSL_CTX *to,
                        Policy *fresh);

#pragma GCC visibility pop

#endif
