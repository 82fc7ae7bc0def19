/*
** decision.c -- a stop at which Lua decides: it is made anew for each, and
** what was decided is put where OpenSSL's callbacks look for it.
*/

#include "base/clock.h"
#include "connection/decision.h"
#include "connection/shared_key.h"

void decision_stop (Connection *c, Point point) {
  c->decision.point = point;
  c->decision.answer = UNANSWERED;
  c->decision.alert = -1;
  c->decision.since = clock_now();
}

void decision_settle (Connection *c) {
  Decision *d = &c->decision;
  switch (d->point) {
    case AT_CLIENT_HELLO:
      c->choice.answer = d->answer;
      c->choice.alert = d->alert;
      break;
    case AT_CERTIFICATE:
      c->certificate = d->answer;
      c->own_choice = 1;
      break;
    case AT_VERIFY:
      connection_verification(c)->answer = d->answer;
      connection_verification(c)->alert = d->alert;
      break;
    case AT_PSK:
      shared_key_settle(c, d->answer, d->alert);
      break;
    case AT_SESSION:
      c->choice.sought = 1;
      if (d->answer != REFUSED) break;
      c->choice.answer = REFUSED;
      c->choice.alert = d->alert;
      break;
    case NOWHERE: break;
  }
  d->point = NOWHERE;
}

void decision_forget (lua_State *L, Connection *c) {
  c->decision.hook_running = 0;
  compat_getuservalue(L, 1);
  lua_pushnil(L);
  lua_rawseti(L, -2, UV_ASKED);
  lua_pop(L, 1);
}

/* A step has put the connection at index 1, `run_inside` at index 2, and made
** room. */
void decision_run_inside (Connection *c, Point point) {
  lua_State *L = c->decision.inside;
  decision_stop(c, point);
  if (L != NULL) {
    int top = lua_gettop(L);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    c->decision.entered = 1;
    if (lua_pcall(L, 1, 0, 0) != 0) lua_replace(L, 3);  /* kept by step */
    c->decision.entered = 0;
    lua_settop(L, top);
  }
  if (c->decision.answer == UNANSWERED) {
    c->decision.answer = REFUSED;
    c->decision.alert = SSL_AD_INTERNAL_ERROR;
  }
  c->decision.hook_running = 0;
  decision_settle(c);
}
