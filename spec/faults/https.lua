--- Faults in luassl.https: what a body is taken for, where credentials go, what
-- is repeated, and how long it takes.
return {
  {
    name = "a body that was cut is whole",
    file = "lua/luassl/http_response.lua",
    from = [[
    return nil, cut(err, ("the body was cut short: %.0f of %.0f bytes came"):format(length - left, length),
      { received = length - left, expected = length })]],
    to = [[
    body.complete = true
    return nil]],
    specs = "https_answers",
  },
  {
    name = "an end without close_notify ends a body well",
    file = "lua/luassl/http_response.lua",
    from = [[
    if err == "closed" then
      body.complete = true]],
    to = [[
    if err ~= "timeout" then
      body.complete = true]],
    specs = "https_answers",
  },
  {
    name = "the last chunk may be missing",
    file = "lua/luassl/http_response.lua",
    from = [[
      elseif not left then
        left = 0
        return nil, cut(err, CUT)]],
    to = [[
      elseif not left then
        left = 0
        return nil]],
    specs = "https_answers",
  },
  {
    name = "a chunk may be longer than it says",
    file = "lua/luassl/http_response.lua",
    from = [[if line ~= "" then return nil, failure("http", "a chunk is longer]],
    to = [[if line == false then return nil, failure("http", "a chunk is longer]],
    specs = "https_answers",
  },
  {
    name = "chunks count for more than a length beside them",
    file = "lua/luassl/http_response.lua",
    from = [[    if length then return nil, failure("http", "the answer has both]],
    to = [[    if length == false then return nil, failure("http", "the answer has both]],
    specs = "https_answers",
  },
  {
    name = "of two lengths the last holds",
    file = "lua/luassl/http_response.lua",
    from = "or length and length ~= digits then",
    to = "then",
    specs = "https_answers",
  },
  {
    name = "HTTP/0.9 is spoken",
    file = "lua/luassl/http_response.lua",
    from = [[
  if start ~= ("HTTP/"):sub(1, #start) then]],
    to = [[
  if start ~= ("HTTP/"):sub(1, #start) then
    return 200, "HTTP/1.1 200 OK", false
  end
  if start == nil then]],
    specs = "https_answers",
  },
  {
    name = "a space may stand before a header's colon",
    file = "lua/luassl/http_response.lua",
    from = [[_`|~-]+):[ \t]*(.-)]],
    to = [[_`|~-]+)[ \t]*:[ \t]*(.-)]],
    specs = "https_answers",
  },
  {
    name = "headers may be of any number",
    file = "lua/luassl/http_response.lua",
    from = "    if #lines > FIELDS_MAX then",
    to = "    if #lines < 0 then",
    specs = "https_answers",
  },
  {
    name = "a line may have any length",
    file = "lua/luassl/http_reader.lua",
    from = "    if (stop or #self.buffer) - self.first >= LINE_MAX then",
    to = "    if LINE_MAX == 0 then",
    specs = "https_answers",
  },
  {
    name = "a NUL may stand in a header",
    file = "lua/luassl/http_reader.lua",
    from = [[ or line:find("\0", 1, true) then]],
    to = " then",
    specs = "https_answers",
  },
  {
    name = "a body may be larger than max_body",
    file = "lua/luassl/http_response.lua",
    from = "  body.source = most and bounded(source, most) or source",
    to = "  body.source = source",
    specs = "https_answers",
  },
  {
    name = "credentials go to other hosts",
    file = "lua/luassl/https_exchange.lua",
    from = "    headers.host, headers.authorization, headers.cookie = url.authority, nil, nil",
    to = "    headers.host = url.authority",
    specs = "https",
  },
  {
    name = "a certificate goes to other hosts",
    file = "lua/luassl/https.lua",
    from = "    state.strayed, state.tls = true, tls",
    to = "    state.strayed = true",
    specs = "https",
  },
  {
    name = "a context with a certificate goes to other hosts",
    file = "lua/luassl/https.lua",
    from = "  if tls.context and has_identity(tls.context) then return nil end",
    to = "",
    specs = "https",
  },
  {
    name = "redirects lead from https to http",
    file = "lua/luassl/https.lua",
    from = [[  if url.scheme == "http" and not request.allow_downgrade then return nil end]],
    to = "",
    specs = "https",
  },
  {
    name = "dots in a reference lead beyond the path",
    file = "lua/luassl/http_url.lua",
    from = [[if segment == ".." then count = math.max(count - 1, 0)]],
    to = [[if segment == ".." then count = count - 1]],
    specs = "https",
  },
  {
    name = "the server is told the proxy's credentials",
    file = "lua/luassl/https_exchange.lua",
    from = [[
  headers["proxy-authorization"] = nil
]],
    to = "",
    specs = "https_proxy https",
  },
  {
    name = "a proxy may speak before TLS",
    file = "lua/luassl/http_wire.lua",
    from = "  if reader:buffered() == 0 then return true end",
    to = "  do return true end",
    specs = "https_proxy",
  },
  {
    name = "a proxy's refusal is quoted as it is",
    file = "lua/luassl/http_message.lua",
    from = [[:gsub("[^\32-\126]", escape)]],
    to = "",
    specs = "https_proxy https_answers",
  },
  {
    name = "each step has the whole of the time",
    file = "lua/luassl/http_wire.lua",
    from = [[
  local left, err = self:left()
  if not left then return nil, err end
  self.carrier:settimeout(]],
    to = [[
  local left = 5
  self.carrier:settimeout(]],
    specs = "https",
  },
  {
    name = "an empty piece ends a request's body",
    file = "lua/luassl/http_request.lua",
    from = [[return piece == "" and "" or ("%X]],
    to = [[return ("%X]],
    specs = "https",
  },
  {
    name = "a request's body may be longer than it says",
    file = "lua/luassl/http_request.lua",
    from = [[      if sent > length then return length_error("more", length) end
]],
    to = "",
    specs = "https",
  },
  {
    name = "any request is repeated on a new connection",
    file = "lua/luassl/https_exchange.lua",
    from = [[
  if not IDEMPOTENT[exchange.method] or exchange.consumed or wire.reader.received > 0 then return false end
]],
    to = "",
    specs = "https_client",
  },
  {
    name = "connections are kept behind answers that are not whole",
    file = "lua/luassl/https_exchange.lua",
    from = "persistent and body.complete and",
    to = "persistent and",
    specs = "https_client",
  },
  {
    name = "what came behind an answer begins the next",
    file = "lua/luassl/https_exchange.lua",
    from = "\n    and wire.reader:buffered() == 0 and",
    to = "\n    and",
    specs = "https_client",
  },
  {
    name = "connections are kept without end",
    file = "lua/luassl/https_pool.lua",
    from = "  while #self.idle > self.limits.max_idle do",
    to = "  while false do",
    specs = "https_client",
  },
  {
    name = "a sink that raises leaves its connection open",
    file = "lua/luassl/https_exchange.lua",
    from = [[
  if done then return ... end
  wire:close()]],
    to = [[
  if done then return ... end]],
    specs = "https",
  },
  {
    name = "a proxy that is asked over TLS need not be verified",
    file = "lua/luassl/http_wire.lua",
    from = "    done, err = secure(wire, proxy.host, plan.proxy_tls)",
    to = "    done, err = secure(wire, proxy.host, { cert_reqs = 0 })",
    specs = "https_coroutines",
  },
  {
    name = "a kept connection that has shown a certificate is used behind a redirect",
    file = "lua/luassl/https_exchange.lua",
    from = [[exchange.strayed and "strayed" or "own"]],
    to = [["own"]],
    specs = "https_client",
  },
}
