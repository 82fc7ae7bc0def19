--- Faults in asking hooks and taking their answers: hooks.c, handshake.c,
-- hooks.lua, socket.lua.
return {
  {
    name = "ACCEPT_UNVERIFIED is known by ==",
    file = "lua/luassl/hooks.lua",
    from = [[if not rawequal(value, ACCEPT_UNVERIFIED) then]],
    to = [[if not (value == ACCEPT_UNVERIFIED) then]],
    specs = "hooks_answers",
  },
  {
    name = "a client goes on where its verification cannot wait",
    file = "src/connection/verify.c",
    from = [[if (!c->options.server_side && SSL_set_retry_verify(ssl)) {]],
    to = [[if (!c->options.server_side) {
    SSL_set_retry_verify(ssl);]],
    specs = "on_verify_without_async",
  },
  {
    name = "whatever on_verify returns accepts",
    file = "lua/luassl/hooks.lua",
    from = [[if not rawequal(value, ACCEPT_UNVERIFIED) then]],
    to = [[if value == nil then]],
    specs = "hooks_answers",
  },
  {
    name = "a yes of on_verify accepts what is bad",
    file = "src/connection/hooks.c",
    from = [[  return answer(L, c, ALLOWED);]],
    to = [[  return answer(L, c, ACCEPTED);]],
    specs = "hooks",
  },
  {
    name = "ACCEPT_UNVERIFIED can be changed",
    file = "lua/luassl/hooks.lua",
    from = [[
  __newindex = function() error("ssl.ACCEPT_UNVERIFIED is a constant", 2) end,
]],
    to = "",
    specs = "hooks_answers",
  },
  {
    name = "a hook's answer is not stored",
    file = "src/connection/hooks.c",
    from = [[
  c->decision.answer = value;
]],
    to = [[
  if (c->decision.point != AT_VERIFY) c->decision.answer = value;
]],
    specs = "hooks",
  },
  {
    name = "a refusal is stored as a yes",
    file = "src/connection/hooks.c",
    from = [[
  c->decision.answer = REFUSED;
  decision_forget]],
    to = [[
  c->decision.answer = ALLOWED;
  decision_forget]],
    specs = "hooks_answers",
  },
  {
    name = "the value that refused is lost",
    file = "src/connection/hooks.c",
    from = [[
  lua_rawseti(L, -2, UV_FAILURE);
  lua_pop(L, 1);
  c->decision.alert]],
    to = [[
  lua_pop(L, 2);
  c->decision.alert]],
    specs = "hooks_answers",
  },
  {
    name = "nil and an error is a yes",
    file = "lua/luassl/hooks.lua",
    from = [[if value == false or (value == nil and err ~= nil) then]],
    to = [[if value == false then]],
    specs = "hooks_answers",
  },
  {
    name = "an error that a hook raises is a yes",
    file = "lua/luassl/hooks.lua",
    from = [[if not fine then return refuse(self, raised(name, value), "internal_error") end]],
    to = [[if not fine then return allow(self) end]],
    specs = "hooks_errors",
  },
  {
    name = "an answer that says nothing is a yes",
    file = "lua/luassl/hooks.lua",
    from = [[
    return refuse(self, hook_error(name, "it returned a " .. kind .. ", which decides nothing"), "internal_error")]],
    to = [[
    return allow(self)]],
    specs = "hooks_answers",
  },
  {
    name = "an answer that cannot be carried out is a yes",
    file = "lua/luassl/hooks.lua",
    from = [[
  if not done and err ~= nil then return refuse(self, err, "internal_error") end
]],
    to = "",
    specs = "hooks_choice",
  },
  {
    name = "an answer that cannot be read is a yes",
    file = "lua/luassl/hooks.lua",
    from = [[
  if not applied then return refuse(self, raised(name, done), "internal_error") end
]],
    to = [[
  if not applied then return allow(self) end
]],
    specs = "hooks_answers",
  },
  {
    name = "unknown fields of an answer are ignored",
    file = "lua/luassl/hooks.lua",
    from = [[
    if not known[key] then error(]],
    to = [[
    if not known then error(]],
    specs = "hooks_choice",
  },
  {
    name = "a condition that a hook refused with is passed on",
    file = "lua/luassl/hooks.lua",
    from = [[
  if CONDITIONS[value] then return hook_error(name, "it refused: " .. value, value) end
]],
    to = "",
    specs = "hooks_answers",
  },
  {
    name = "a condition that a hook raised is passed on",
    file = "lua/luassl/hooks.lua",
    from = [[
  if CONDITIONS[value] then return hook_error(name, "it raised: " .. value, value) end
]],
    to = "",
    specs = "hooks_errors",
  },
  {
    name = "nobody says why a hook cannot yield",
    file = "lua/luassl/hooks.lua",
    from = [[
  if type(value) == "string" and (value:find "attempt to yield from outside a coroutine$"
    or value:find]],
    to = [[
  if type(value) == "number" and (value:find "attempt to yield from outside a coroutine$"
    or value:find]],
    specs = "hooks_yield on_verify_without_async",
  },
  {
    name = "what a hook raises passes through the method",
    file = "lua/luassl/hooks.lua",
    from = [[
    return answer(self, name, pcall(hook, face, facts))]],
    to = [[
    return answer(self, name, true, hook(face, facts))]],
    specs = "hooks_errors",
  },
  {
    name = "what a password function raises passes through the method",
    file = "src/context/pem.c",
    from = [[
  if (lua_pcall(L, 1, 1, 0) == 0) {]],
    to = [[
  lua_call(L, 1, 1);
  if (m != NULL) {]],
    specs = "certfile_keyfile",
  },
  {
    name = "a hook whose coroutine is dead has said yes",
    file = "lua/luassl/hooks.lua",
    from = [[
  refuse(self, hook_error(name, "it ended without an answer"), "internal_error")
  return true]],
    to = [[
  allow(self)
  return true]],
    specs = "hooks_abandoned",
  },
  {
    name = "a hook whose coroutine is dead is waited for",
    file = "lua/luassl/hooks.lua",
    from = [[
  if status ~= "dead" and (]],
    to = [[
  if status and (]],
    specs = "hooks_abandoned",
  },
  {
    name = "a hook that has not answered is asked again",
    file = "src/connection/handshake.c",
    from = [[
  if (c->decision.hook_running) return hooks_push_busy(L, c, native);
]],
    to = "",
    specs = "hooks_yield",
  },
  {
    name = "a hook is asked for a connection that a finalizer has closed",
    file = "src/connection/hooks.c",
    from = [[
  if (c->call.closing) {
    lua_settop]],
    to = [[
  if (c->closed) {
    lua_settop]],
    specs = "hooks_abandoned reentrancy",
  },
  {
    name = "handshake_timeout does not hold for hooks",
    file = "src/connection/handshake.c",
    from = [[
  if (clock_now() >= limit_of(c)) return handshake_late(L, c);
  if (c->decision.hook_running]],
    to = [[
  if (c->decision.hook_running]],
    specs = "hooks_abandoned",
  },
  {
    name = "an operation's time begins anew behind a hook",
    file = "src/connection/handshake.c",
    from = [[
  if (c->decision.answer != UNANSWERED)
    c->deadline = c->decision.deadline;
]],
    to = "",
    specs = "hooks_yield",
  },
  {
    name = "an answer that comes too late counts",
    file = "src/connection/hooks.c",
    from = [[
  return c->decision.hook_running && !c->closed && !c->failed;]],
    to = [[
  return c != NULL;]],
    specs = "hooks_abandoned",
  },
  {
    name = "a hook keeps its coroutine when it has answered",
    file = "src/connection/decision.c",
    from = [[
  c->decision.hook_running = 0;
  compat_getuservalue(L, 1);
  lua_pushnil(L);]],
    to = [[
  c->decision.hook_running = 0;
  compat_getuservalue(L, 1);
  lua_rawgeti(L, -1, UV_ASKED);]],
    specs = "hooks_abandoned",
  },
  {
    name = "a refusal leaves its entries in OpenSSL's queue",
    file = "src/connection/outcome.c",
    from = [[
    errors_clear();  /* what a hook refused, OpenSSL complains of too */
]],
    to = "",
    specs = "hooks_answers",
  },
  {
    name = "a hook without stacks that raises has said yes",
    file = "src/connection/decision.c",
    from = [[
    c->decision.answer = REFUSED;
    c->decision.alert = SSL_AD_INTERNAL_ERROR;
  }
  c->decision.hook_running = 0;]],
    to = [[
    c->decision.answer = ALLOWED;
  }
  c->decision.hook_running = 0;]],
    also = {
      { file = "lua/luassl/hooks.lua",
        from = [[
  return answer(self, name, pcall(hook, face, facts))
end)]],
        to = [[
  return answer(self, name, true, hook(face, facts))
end)]] },
    },
    specs = "on_verify_without_async",
  },
  {
    name = "a hook without stacks may close the connection under OpenSSL",
    file = "src/connection/method_prologue.c",
    from = [[
  if (!c->closed) c->call.closing = 1;]],
    to = [[
  close_now(L, c);]],
    specs = "on_verify_without_async",
  },
  {
    name = "a refused on_client_hello is passed over",
    file = "src/connection/callbacks.c",
    from = [[
  if (h->answer == REFUSED) {]],
    to = [[
  if (h == NULL) {]],
    specs = "hooks_answers",
  },
  {
    name = "a refused on_certificate is passed over",
    file = "src/connection/callbacks.c",
    from = [[
  if (answer == REFUSED) return 0;
  identity]],
    to = [[
  identity]],
    specs = "hooks_answers",
  },
  {
    name = "a client that a hook refused stays connected",
    file = "lua/luassl/socket.lua",
    from = [[
  local done, err = run(client, false)
  if done then return client end
  client:close()
]],
    to = [[
  local done, err = run(client, false)
  if done then return client end
]],
    specs = "accept",
  },
  {
    name = "accept does not say that a value is one client's",
    file = "lua/luassl/socket.lua",
    from = [[
  return nil, err, true]],
    to = [[
  return nil, err]],
    specs = "accept",
  },
  {
    name = "accept takes a client's time that is up for its own",
    file = "lua/luassl/socket.lua",
    from = [[
  if err == "timeout" then
    err = errors.new]],
    to = [[
  if err == nil then
    err = errors.new]],
    specs = "accept hooks_errors",
  },
  {
    name = "an engine that pauses is not waited for",
    file = "src/connection/handshake.c",
    from = [[
    if (result > 0 || !SSL_waiting_for_async(c->ssl)) return result;]],
    to = [[
    if (c != NULL) return result;]],
    specs = "threads",
  },
  {
    name = "an engine that pauses is waited for without end",
    file = "src/connection/handshake.c",
    from = [[
        || !engine_wait(c->ssl, limit_of(c))) return result;]],
    to = [[
        || !engine_wait(c->ssl, 0)) return result;]],
    specs = "threads",
  },
  {
    name = "a job goes on in another thread",
    file = "src/connection/verify.c",
    from = [[
         && c->decision.thread != this_thread();]],
    to = [[
         && c->decision.thread == 0;]],
    specs = "threads",
  },
  {
    name = "a job that waits in another thread is wound up in this one",
    file = "src/connection/verify.c",
    from = [[
  if (verify_is_elsewhere(ssl, c)) return;  /* its 38 KiB are lost */
]],
    to = "",
    specs = "threads",
  },
}
