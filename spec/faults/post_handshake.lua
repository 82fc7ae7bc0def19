--- Faults in what comes behind the handshake: post_handshake.c, and what of a
-- verification holds from when on.
local list = {}

local function fault(name, file, from, to, specs)
  list[#list + 1] = {name = name, file = "src/" .. file, from = from, to = to,
    specs = specs or "post_handshake_auth"}
end

fault("an answer's verification is the connection's at once", "connection/connection.c", [[
  return c->request != NULL ? &c->request->verification : &c->verification;]], [[
  return &c->verification;]])
fault("the new certificate is told before it is proved", "connection/chains.c", [[
  if (c->established) return c->verification.leaf;
]], "")
fault("an answer is whole with its first message", "connection/limits.c", "== SSL3_MT_FINISHED)",
  "== SSL3_MT_CERTIFICATE)")
fault("the demands of a request are the context's", "connection/verify.c", [[
  return c->request != NULL ? c->request->demands : c->policy->cert_reqs;]], [[
  return c->policy->cert_reqs;]])
fault("a client may answer without a certificate", "connection/post_handshake_methods.c", [[
  if (demands == CERT_REQUIRED) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
]], "")
fault("nobody looks at what an answer without a certificate means", "connection/post_handshake.c", [[
  holds = verify_holds(c);]], [[
  holds = 1;]])
fault("the hook is not asked about an answer without a certificate", "connection/post_handshake.c", [[
  if (verify_is_left(c)) return ASK;
]], "")
fault("a read does not stop for on_verify", "connection/post_handshake.c", [[
    SSL_set_mode(c->ssl, SSL_MODE_ASYNC);]], [[
    SSL_clear_mode(c->ssl, SSL_MODE_ASYNC);]])
fault("a call in another coroutine takes the hook's place", "connection/post_handshake.c", [[
  if (d->hook_running) return hooks_push_busy(L, c, native);
]], "")
fault("others lose what has come before the stop", "connection/post_handshake.c", [[
  c->want = WANT_READ;
  return HELD;]], [[
  return ASK;]])
fault("a hook in a read has no limit", "connection/post_handshake.c", [[
  return clock_now() >= c->decision.since + c->options.handshake_timeout;]], [[
  return c->decision.since < 0;]])
fault("a socket is dirty though a read would not get anything", "connection/connection_info.c", [[
  if (c->decision.point != NOWHERE) ended = 1;  /* a read answers "timeout" */
]], "")
fault("what was refused is not told", "connection/connection.c", [[
      if (c->request != NULL && c->request->verification.refused)
        connection_take_answer(c);
]], "")
fault("whom the hook refused has been authenticated", "connection/verification.c",
  "v->demands == CERT_NONE || v->answer == REFUSED || v->unpinned)", "v->demands == CERT_NONE)")
fault("who answered a request for nothing has been authenticated", "connection/verification.c",
  "v->demands == CERT_NONE || v->answer", "v->answer")
fault("tickets do not hold who the client is", "connection/post_handshake.c", "if (holds) tickets_renew(c);",
  "if (holds) c->late = 0;")
fault("a session of a certificate that a hook chose behind the handshake is kept", "connection/resumption.c", [[
  if (c->established && c->own_choice) return 0;
]], "")
fault("post_handshake_auth does not keep the handshake from asking", "connection/verify.c", [[
  if (policy->puts_off) mode |= SSL_VERIFY_POST_HANDSHAKE;
]], "")
fault("post_handshake_auth puts off what a session tells", "connection/verify.c", [[
         && SSL_version(c->ssl) >= TLS1_3_VERSION
         && SSL_get0_peer_certificate(c->ssl) == NULL
]], [[
         && SSL_version(c->ssl) >= TLS1_3_VERSION
]])
fault("post_handshake_auth puts off what TLS 1.2 cannot", "connection/verify.c", [[
         && SSL_version(c->ssl) >= TLS1_3_VERSION
         && SSL_get0]], [[
         && SSL_get0]])
fault("a client offers it unasked", "context/context_build.c", [[
    SSL_CTX_set_post_handshake_auth(ctx, s->post_handshake_auth);]], [[
    SSL_CTX_set_post_handshake_auth(ctx, 1);]])
fault("a client is asked for what nobody can verify", "connection/post_handshake_methods.c", [[
  if (demands == CERT_NONE || c->policy->trusts
      ||]], [[
  if (demands == CERT_NONE || c->policy->trusts >= 0
      ||]])
fault("a second request takes the place of the first", "connection/post_handshake_methods.c", [[
  if (c->request != NULL)
    return errors_text]], [[
  if (c->request != NULL && name == NULL)
    return errors_text]])
fault("a client is not told whom a server that asks later trusts", "context/context_build.c", [[
    if (s->policy.defaults.server_side &&
]], [[
    if (s->policy.defaults.server_side && context_policy_verifies(c->policy) &&
]])
fault("key updates pile up", "connection/post_handshake_methods.c", [[
  if (outcome == DONE) outcome = transfer_flush(c);
]], "", "key_update")
fault("a key update is answered behind our close_notify", "connection/closure.c", [[
  c->bio.silent = 1;  /* OpenSSL would still answer a key update */
]], "", "key_update")
fault("a key update asks the peer unasked", "connection/post_handshake_methods.c",
  "type = SSL_KEY_UPDATE_NOT_REQUESTED;",
  "type = SSL_KEY_UPDATE_REQUESTED;", "key_update")
fault("a key update waits for the next write", "connection/post_handshake_methods.c", [[
  return deliver(L, c, name);
}

/* Certificates]], [[
  lua_pushboolean(L, 1);
  return 1;
}

/* Certificates]], "key_update")
fault("a job of a read that is left is lost", "connection/verify.c", [[
  SSL_set_mode(ssl, SSL_MODE_ASYNC);  /* a read took it away */
]], "")

-- Where Lua goes on behind a stop without C's help.
list[#list + 1] = {
  name = "a method that stops twice goes on once", file = "src/connection/method_prologue.c",
  from = "  while (n == METHOD_UNREADY) {\n", to = "  for (; n == METHOD_UNREADY; n = 2) {\n",
  specs = "post_handshake_auth",
}

return list
