--- Faults in what reads and sends by lines and files, in descriptors without
-- LuaSocket, in connecting by several addresses, in counting.
return {
  {
    name = "a cut off connection ends a loop over lines",
    file = "lua/luassl/lines.lua",
    from = [[      if err ~= "closed" then]],
    to = [[      if err == "timeout" then]],
    specs = "lines",
  },
  {
    name = "a timeout loses the part of a line",
    file = "lua/luassl/lines.lua",
    from = [[        begun = partial
]],
    to = "",
    specs = "lines",
  },
  {
    name = "the last line without a line end is lost",
    file = "lua/luassl/lines.lua",
    from = [[      if partial ~= "" then return partial end
]],
    to = "",
    specs = "lines",
  },
  {
    name = "a file goes in short records",
    file = "lua/luassl/send_file.lua",
    from = [[  if size < left and not source.ended then size = size - size % RECORD end
]],
    to = "",
    specs = "send_file",
  },
  {
    name = "what a pipe gave is lost at a timeout",
    file = "lua/luassl/send_file.lua",
    from = [[      source.rest = piece:sub(index + 1) .. source.rest
]],
    to = "",
    specs = "send_file",
  },
  {
    name = "send_file has no deadline",
    file = "lua/luassl/send_file.lua",
    from = [[  begin_operation(self, deadline)
]],
    to = [[  begin_operation(self)
]],
    specs = "send_file",
  },
  {
    name = "a file's read error counts as its end",
    file = "lua/luassl/send_file.lua",
    from = [[    if piece == "" then return total, source.failure end]],
    to = [[    if piece == "" then return total end]],
    specs = "send_file",
  },
  {
    name = "a file is left behind what was read, not sent",
    file = "lua/luassl/send_file.lua",
    from = [[  elseif source.seeks then source.file:seek("set", position)]],
    to = [[  elseif source.seeks then return]],
    specs = "send_file",
  },
  {
    name = "a descriptor that never was LuaSocket's goes to a LuaSocket object",
    file = "lua/luassl/socket.lua",
    from = [[  if kind then
    local fd]],
    to = [[  if kind == "nothing" then
    local fd]],
    specs = "wrap_fd",
  },
  {
    name = "a listening descriptor needs no server_side",
    file = "src/carrier/bare_fd.c",
    from = [[  if (kind == FD_LISTENS && !s->connection.options.server_side)]],
    to = [[  if (kind < 0)]],
    specs = "wrap_fd",
  },
  {
    name = "a connection that is gone already is misuse",
    file = "src/base/fd_io.c",
    from = [[  return errno == ENOTCONN || errno == EINVAL ? FD_UNCONNECTED : -errno;]],
    to = [[  return -EBADF;]],
    specs = "wrap_fd",
  },
  {
    name = "the next address waits for the first one's end",
    file = "lua/luassl/dual_stack.lua",
    from = [[  return wait <= 0, wait]],
    to = [[  return false, nil]],
    specs = "dual_stack",
  },
  {
    name = "no delay between addresses",
    file = "lua/luassl/dual_stack.lua",
    from = [[local DELAY = 0.25 ]],
    to = [[local DELAY = 0 ]],
    specs = "dual_stack",
  },
  {
    name = "the attempts that lost stay open",
    file = "lua/luassl/dual_stack.lua",
    from = [[  for _, sock in ipairs(sockets) do sock:close() end]],
    to = [[  for i, sock in ipairs(sockets) do sockets[i] = sock end]],
    specs = "dual_stack",
  },
  {
    name = "a refusal waits for the delay",
    file = "lua/luassl/dual_stack.lua",
    from = [[  if #race.pending == 0 or not race.delayed then return true end]],
    to = [[  if race.tried == 0 then return true end
  race.delayed = race.delayed or race.left()]],
    specs = "dual_stack",
  },
  {
    name = "set begins counting anew",
    file = "src/context/renewal.c",
    from = [[  fresh->counters = counters_share(old->counters);]],
    to = [[  fresh->counters = counters_new();]],
    specs = "counters",
  },
  {
    name = "the bytes of those that live are not counted",
    file = "src/context/counters.c",
    from = [[    received += one->received;
]],
    to = "",
    specs = "counters",
  },
  {
    name = "the bytes of those that have ended are forgotten",
    file = "src/context/counters.c",
    from = [[  counters->sent += one->sent;
]],
    to = "",
    specs = "counters",
  },
  {
    name = "setstats changes the counters",
    file = "src/context/counters.c",
    from = [[    one->counters->sent += one->sent - sent;
]],
    to = "",
    specs = "counters",
  },
  {
    name = "a failure is counted each time it is told",
    file = "src/context/counters.c",
    from = [[  one->stage = SETTLED;
  one->counters->failed]],
    to = [[  one->counters->failed]],
    specs = "counters",
  },
}
