--- Faults in what hostile peers, finalizers and senders who repeat themselves
-- meet: limits.c, bio.c, method_prologue.c, unsent.c, transfer.c,
-- sslsocket.c.
return {
  -- Limits against hostile peers.
  {
    name = "messages without data are not counted",
    file = "src/connection/limits.c",
    from = [[  if (c->allowance < 1) c->bio.flooded = 1;
  else]],
    to = [[  if (c->allowance >= 1)]],
    specs = "flood",
  },
  {
    name = "answers to a peer that never reads are queued without end",
    file = "src/connection/bio.c",
    from = [[  if (q->flooded || buffer_length(&q->out) > QUEUE_OUT_BOUND) return 1;]],
    to = [[  if (q == NULL) return 1;]],
    specs = "flood",
  },
  {
    name = "a handshake may have any size",
    file = "src/connection/bio.c",
    from = [[  if (q->handshake > QUEUE_HANDSHAKE_MAX) q->flooded = 1;]],
    to = "",
    specs = "flood",
  },
  -- Calls in the middle of other calls.
  {
    name = "a finalizer may call in the middle of a call",
    file = "src/connection/method_prologue.c",
    from = [[  if (c->call.L != NULL && method_is_running(L, c)) return nested(L, c, m);]],
    to = [[  if (m->rule == CLOSES && c->call.L != NULL && method_is_running(L, c))
    return nested(L, c, m);]],
    specs = "reentrancy",
  },
  {
    name = "a call that raised is taken for one under way",
    file = "src/connection/method_prologue.c",
    from = [[      if (is_call(from, &level, c)) return 1;
  c->call.L = NULL;
  return 0;]],
    to = [[      if (is_call(from, &level, c)) return 1;
  return 1;]],
    specs = "absurd_arguments connection error_strings",
  },
  {
    name = "a close inside a call is forgotten",
    file = "src/connection/method_prologue.c",
    from = [[  if (c->call.closing) close_now(L, c);
  c->call.L = NULL;]],
    to = [[  c->call.closing = 0;
  c->call.L = NULL;]],
    specs = "reentrancy",
  },
  {
    name = "others' calls fail while a hook is suspended",
    file = "lua/luassl/hooks.lua",
    from = [[
  if status == "suspended" then return nil, condition end
]],
    to = "",
    specs = "reentrancy hooks_yield",
  },
  -- Messages that have come in part.
  {
    name = "a send does not wait for the rest of a message",
    file = "src/connection/transfer.c",
    from = [[      if (connection_wait(c, WANT_READ, c->deadline)) continue;]],
    to = "",
    specs = "record_boundaries",
  },
  {
    name = "shutdown does not wait for the rest of a message",
    file = "src/connection/closure.c",
    from = [[    outcome = post_handshake_settle(c);
    if (outcome == ASK)]],
    to = [[    outcome = DONE;
    if (outcome == ASK)]],
    specs = "record_boundaries",
  },
  {
    name = "close speaks in the middle of a message",
    file = "src/connection/closure.c",
    from = [[  if (SSL_in_init(c->ssl) && SSL_do_handshake(c->ssl) <= 0) {]],
    to = [[  if (c->ssl == NULL) {]],
    specs = "record_boundaries",
  },
  -- What send tells.
  {
    name = "what was encrypted counts as sent",
    file = "src/connection/unsent.c",
    from = [[  left = gone(c);
  if (left < first) left = first;]],
    to = [[  left = u->end;]],
    specs = "partial_send",
  },
  {
    name = "a message that is sent again goes twice",
    file = "src/connection/unsent.c",
    from = [[
  if (same && first == u->start) return (ptrdiff_t)first;
]],
    to = [[
  if (same && first == u->start) return -1;
]],
    specs = "partial_send random_programs",
  },
  {
    name = "the rest of a message goes twice",
    file = "src/connection/unsent.c",
    from = [[
  if (same && first == u->told) return (ptrdiff_t)first;
]],
    to = [[
  if (same && first == u->told) return -1;
]],
    specs = "partial_send",
  },
  {
    name = "another message passes for the rest of the first",
    file = "src/connection/unsent.c",
    from = [[
  if (memcmp(kept + u->told, text + first, overlap) == 0)]],
    to = [[
  if (overlap > 0)]],
    specs = "partial_send",
  },
  -- What close lets arrive.
  {
    name = "close does not wait for what was sent",
    file = "src/carrier/sslsocket.c",
    from = [[  if (waiting > 0 && left]],
    to = [[  if (waiting < 0 && left]],
    specs = "linger",
  },
  {
    name = "close waits after a timeout",
    file = "src/carrier/sslsocket.c",
    from = [[  if (!c->established || c->failed || c->late || c->unsent.kept]],
    to = [[  if (!c->established || c->failed || c->unsent.kept]],
    specs = "linger",
  },
  {
    name = "close waits behind a send that was not ended",
    file = "src/carrier/sslsocket.c",
    from = [[  if (!c->established || c->failed || c->late || c->unsent.kept]],
    to = [[  if (!c->established || c->failed || c->late]],
    specs = "linger",
  },
}
