--- Faults in streams: who may use the transport, what has left, what is told of
-- ends; in tunnels through proxies; in the adapters to hosts.
return {
  {
    name = "two coroutines read the transport",
    file = "lua/luassl/stream_pump.lua",
    from = [[  if other(self, "read") then
    if pause]],
    to = [[  if false then
    if pause]],
    specs = "stream",
  },
  {
    name = "two coroutines write the transport",
    file = "lua/luassl/stream_pump.lua",
    from = [[    if other(self, "write") then
      if not pause]],
    to = [[    if false then
      if not pause]],
    specs = "stream",
  },
  {
    name = "a coroutine that was ended keeps its lock",
    file = "lua/luassl/stream_pump.lua",
    from = [[  if is_dead(holder) then
    self.held[name] = nil
    return nil
  end
]],
    to = [[  self.held = setmetatable(self.held, nil)
]],
    specs = "stream",
  },
  {
    name = "writing goes on behind a write that was left in the middle",
    file = "lua/luassl/stream_pump.lua",
    from = [[    fail_writing(self, transport_error("stream", "a coroutine was ended in the middle of a write"))
]],
    to = "",
    specs = "stream",
  },
  {
    name = "what an ended write lost counts as taken",
    file = "lua/luassl/stream_pump.lua",
    from = [[  if self.unwritten then self.lost = self.lost + #self.unwritten end
]],
    to = "",
    specs = "stream luasocket_equivalence",
  },
  {
    name = "who waits is not woken",
    file = "lua/luassl/stream_pump.lua",
    from = [[    if not is_dead(thread) then self.transport.resume(thread) end
]],
    to = "",
    also = {{
      file = "lua/luassl/stream_pump.lua",
      from = [[local SLICE = 1 ]],
      to = [[local SLICE = 15 ]],
    }},
    specs = "stream",
  },
  {
    name = "what others left is not written",
    file = "lua/luassl/stream_pump.lua",
    from = [[  write_orphans(self, deadline)
  return true
]],
    to = [[  return true
]],
    specs = "stream",
  },
  {
    name = "a reader does not write what waits",
    file = "lua/luassl/stream_pump.lua",
    from = [[    seconds, sliced = NUDGE, true
]],
    to = "",
    specs = "stream",
  },
  {
    name = "a reset is a clean end",
    file = "lua/luassl/stream_pump.lua",
    from = [[  if err == nil and self.write_error ~= "closed" then err = self.write_error end
]],
    to = "",
    specs = "stream",
  },
  {
    name = "the alert that explains a failed write is not looked for",
    file = "lua/luassl/stream_pump.lua",
    from = [[  if ready and how == "failed" then]],
    to = [[  if false then]],
    specs = "stream",
  },
  {
    name = "a handshake has no limit of its own",
    file = "lua/luassl/stream_pump.lua",
    from = [[  return deadline and min(deadline, own) or own
]],
    to = [[  return deadline and min(deadline, own) or own + 60
]],
    specs = "stream",
  },
  {
    name = "several receive at once",
    file = "lua/luassl/stream_transfer.lua",
    from = [[  local got = acquire(self, "receive", deadline)
  if not got then return nil, "busy" end
]],
    to = [[  local got = "mine"
]],
    specs = "stream",
  },
  {
    name = "several encrypt at once",
    file = "lua/luassl/stream_transfer.lua",
    from = [[  got, err = acquire(self, "send", deadline)
]],
    to = [[  got = "mine"
]],
    specs = "stream",
  },
  {
    name = "what was encrypted is encrypted again",
    file = "lua/luassl/stream_transfer.lua",
    from = [[    if pump.WAITS[err] and entry.told < stop then remember(self, entry) end
]],
    to = "",
    specs = "stream luasocket_equivalence",
  },
  {
    name = "a string that comes again is sent twice where a part has left whole",
    file = "lua/luassl/stream_transfer.lua",
    from = [[    if pump.WAITS[err] and entry.told < stop then remember]],
    to = [[    if pump.WAITS[err] and entry.told < entry.stop then remember]],
    specs = "stream",
  },
  {
    name = "what waits in cqueues' own buffer counts as sent (cqueues)",
    file = "lua/luassl/cqueues.lua",
    from = [[return nil, "timeout", given - waits end]],
    to = [[return nil, "timeout", given end]],
    specs = "cqueues",
  },
  {
    name = "a call spins while a hook is suspended and the object is full",
    file = "lua/luassl/stream_ending.lua",
    from = [[(err == "timeout" or not WAITS[err])]],
    to = [[(not WAITS[err])]],
    also = { {
      file = "lua/luassl/stream_pump.lua",
      from = [[done == "full" and not pause(self, deadline)]],
      to = [[false]],
    } },
    specs = "stream",
  },
  {
    name = "what another coroutine has encrypted is forgotten",
    file = "lua/luassl/stream_transfer.lua",
    from = [[    if owner ~= nil and owner ~= pump.running()]],
    to = [[    if false and owner ~= pump.running()]],
    specs = "stream",
  },
  {
    name = "the index counts what is encrypted",
    file = "lua/luassl/stream_transfer.lua",
    from = [[    if mark.produced > done then break end
]],
    to = "",
    specs = "stream luasocket_equivalence",
  },
  {
    name = "hooks are given the object",
    file = "lua/luassl/stream.lua",
    from = [[  core.connection.face(object, self)
]],
    to = "",
    specs = "stream",
  },
  {
    name = "what came in clear before TLS is taken for TLS",
    file = "lua/luassl/stream.lua",
    from = [[  local fine
  fine, err = refuse_injection(]],
    to = [[  local fine = true
  local _ = refuse_injection and (]],
    specs = "stream",
  },
  {
    name = "a handshake that fails leaves the transport open",
    file = "lua/luassl/stream.lua",
    from = [[  close(self, 0)
  return nil, err
]],
    to = [[  return nil, err
]],
    specs = "stream",
  },
  {
    name = "a stream over a socket waits for the peer's acknowledgement",
    file = "lua/luassl/stream.lua",
    from = [[  if made ~= given and nodelay ~= false then transport.set_nodelay(given) end
]],
    to = "",
    specs = "stream",
  },
  {
    name = "bytes behind the proxy's answer are lost",
    file = "lua/luassl/http_connect.lua",
    from = [[    return at == #pending and carrier or with_rest(carrier, pending:sub(at + 1))
]],
    to = [[    return carrier
]],
    specs = "http_connect",
  },
  {
    name = "any answer of a proxy begins the tunnel",
    file = "lua/luassl/http_connect.lua",
    from = [[    if code >= 200 and code <= 299 then return true end]],
    to = [[    if code >= 200 then return true end]],
    specs = "http_connect",
  },
  {
    name = "a proxy may answer without an end",
    file = "lua/luassl/http_connect.lua",
    from = [[    if size > HEAD_MAX then]],
    to = [[    if size > HEAD_MAX * 2 then]],
    specs = "http_connect",
  },
  {
    name = "a tunnel's request may have more lines than it shows",
    file = "lua/luassl/http_connect.lua",
    from = [[  if text:find "[%z\1-\31\127]" then]],
    to = [[  if text:find "\0" then]],
    specs = "misuse",
  },
  {
    name = "a host's connect does not check the name",
    file = "lua/luassl/host.lua",
    from = [[    given.check_hostname = true
]],
    to = [[    given.check_hostname = false
]],
    specs = "luv",
  },
}
