/*
** clock.h -- monotonic time, deadlines, and what is waited for until then.
*/
#ifndef LUASSL_CLOCK_H
#define LUASSL_CLOCK_H

#define WANT_READ 1
#define WANT_WRITE 2
#define CLOCK_NEVER (-1.0)  /* a deadline that never comes */

#pragma GCC visibility push(hidden)

/* Seconds; a deadline is such a time. */
double clock_now (void);

#pragma GCC visibility pop

#endif
