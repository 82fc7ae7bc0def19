--- What a server under LuaSec's names decides by the ClientHello: by `sni`'s
-- table the context, by the context's `alpn` the protocol.
-- @module luassl.luasec.hello

local core = require "luassl.core"
local luasec = core.luasec
local find_settings, notes_of = luasec.settings, luasec.notes

-- The settings that stand for the client's name; nil: the connection's own.
-- Without a name nothing is chosen, and nobody refused.
local function choose(notes, name)
  local sni = notes.sni
  if not sni or not name then return notes.settings end
  local context = sni.contexts[name]
  if context == nil then
    if sni.strict then return nil, "unrecognized_name" end
    return notes.settings
  end
  local settings = find_settings(context)
  if settings and settings.built and settings.mode == "server" then return settings end
  return nil, "sni: what stands for the client's name is no server's context"
end

-- The first of the server's protocols that the client has; nil: none.
local function common(ours, theirs)
  if type(ours) == "string" then ours = { ours } end
  if type(ours) ~= "table" then return nil end
  local offered = {}
  for _, name in ipairs(theirs) do offered[name] = true end
  for _, name in ipairs(ours) do
    if offered[name] then return name end
  end
end

return function(self, hello)
  local notes = notes_of(self)
  local settings, err = choose(notes, hello.server_name)
  if not settings then return nil, err end
  local answer
  if settings ~= notes.settings then
    notes.chosen = settings
    answer = { context = settings.built }
  end
  if type(settings.alpn) == "function" and hello.alpn_protocols[1] then
    local name = common(settings.alpn(hello.alpn_protocols), hello.alpn_protocols)
    if name then
      answer = answer or {}
      answer.alpn_protocol = name
    end
  end
  return answer
end
