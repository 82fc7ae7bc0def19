/*
** certificate_times.c -- when a certificate is valid.
**
** Times are counted in doubles from OpenSSL's calendar: a time_t of 32 bits
** ends in 2038, and certificates go from year 0 to 9999.
*/

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/errors.h"
#include "x509/certificate.h"
#include "x509/certificate_times.h"

/***
@classmod Certificate
@group Times
*/

#define DAY 86400.0

/* A fraction of a second, which RFC 5280, 4.1.2.5.2 forbids, is dropped. */
int certificate_times_format (const ASN1_TIME *t, char *text) {
  static const char *const months[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
  };
  struct tm tm;
  if (t == NULL || !ASN1_TIME_to_tm(t, &tm)) return 0;
  snprintf(text, TIME_TEXT_MAX, "%s %2d %02d:%02d:%02d %04d GMT",
           months[tm.tm_mon], tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
           tm.tm_year + 1900);
  return 1;
}

/* Days from 1970-01-01 to a day of the Gregorian calendar: years begin in
** March here, so that the leap day is their last. */
static double days_to (int year, int month, int day) {
  int shifted = month < 3 ? year - 1 : year;
  int era = (shifted >= 0 ? shifted : shifted - 399) / 400;
  int of_era = shifted - era * 400;
  int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
  return era * 146097.0 + days - 719468.0;
}

int certificate_times_seconds (const ASN1_TIME *t, double *seconds) {
  struct tm tm;
  if (t == NULL || !ASN1_TIME_to_tm(t, &tm)) return 0;
  *seconds = days_to(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) * DAY
             + tm.tm_hour * 3600.0 + tm.tm_min * 60.0 + tm.tm_sec;
  return 1;
}

static int fail (lua_State *L, const char *operation) {
  errors_clear();
  return errors_text(L, ERROR_T, operation, "certificate",
                     "the certificate holds a malformed time");
}

static int push_time (lua_State *L, const ASN1_TIME *t,
                      const char *operation) {
  static const char *const forms[] = {"text", "seconds", NULL};
  int form = certificate_check_form(L, 2, forms);
  char text[TIME_TEXT_MAX];
  double seconds;
  if (!certificate_times_seconds(t, &seconds)
      || !certificate_times_format(t, text))
    return fail(L, operation);
  if (form == 0) lua_pushstring(L, text);
  else lua_pushnumber(L, seconds);
  return 1;
}

/***
The time before which the certificate is not valid.
@function not_before
@tparam[opt="text"] string form `"text"`, or `"seconds"`: since the epoch
@treturn[1] string|number `"May  8 00:00:00 2007 GMT"`, for
`cert_time_to_seconds`; or what that would give, a float that is right on every
system, before 1970 and after 2050 too
@treturn[2] nil
@treturn[2] SSLError the certificate's time is malformed
@raise when `form` is another
@source RFC 5280, 4.1.2.5
@usage local since = os.time() - certificate:not_before "seconds"
*/
static int times_not_before (lua_State *L) {
  return push_time(L, X509_get0_notBefore(certificate_check(L, 1)),
                   "not_before");
}

/***
The time after which the certificate is not valid.
@function not_after
@tparam[opt="text"] string form as for `not_before`
@treturn[1] string|number `"May  8 23:59:59 2009 GMT"`, or seconds
@treturn[2] nil
@treturn[2] SSLError the certificate's time is malformed
@raise when `form` is another
@source RFC 5280, 4.1.2.5
@usage print("valid until " .. certificate:not_after())
*/
static int times_not_after (lua_State *L) {
  return push_time(L, X509_get0_notAfter(certificate_check(L, 1)),
                   "not_after");
}

/***
How many whole days are left until `not_after`.
@function days_left
@tparam[opt] number at seconds since the epoch; default now
@treturn[1] integer below 0 if it has expired. Whether it is valid already is
not looked at
@treturn[2] nil
@treturn[2] SSLError the certificate's time is malformed
@raise when `at` is no finite number
@source RFC 5280, 4.1.2.5
@usage if certificate:days_left() < 14 then renew() end
*/
static int times_days_left (lua_State *L) {
  X509 *x509 = certificate_check(L, 1);
  double at = luaL_optnumber(L, 2, (lua_Number)time(NULL));
  double end, days;
  luaL_argcheck(L, isfinite(at), 2, "finite number expected");
  if (!certificate_times_seconds(X509_get0_notAfter(x509), &end))
    return fail(L, "days_left");
  days = floor((end - at) / DAY);
  if (fabs(days) < 2147483648.0) lua_pushinteger(L, (lua_Integer)days);
  else lua_pushnumber(L, days);
  return 1;
}

const luaL_Reg certificate_times_methods[] = {
  {"days_left", times_days_left},
  {"not_after", times_not_after},
  {"not_before", times_not_before},
  {NULL, NULL}
};
