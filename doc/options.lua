-- Prints doc/options.md: `make doc` writes it.
local core = require "luassl.core"

local TYPES = {
  bytes = "string", list = "list of strings", password = "string or function", seconds = "number of seconds",
  version = '"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"',
}

print [[
# Options

What they mean: `SSLContext` and `wrap_socket` in the reference. One of a context that is of a connection too is the
default of its connections. A side: only there. Bound: sessions are resumed only where it is the same.

| option | type | default | side | of a context | of a connection | bound |
|---|---|---|---|---|---|---|]]
for _, option in ipairs(core.options) do
  if option.context or option.connection then
    local default = option.default
    print(("| `%s` | %s | %s | %s | %s | %s | %s |"):format(option.name,
      option.object or TYPES[option.type] or option.type, default == nil and "" or tostring(default),
      option.side or "", option.context and "yes" or "", option.connection and "yes" or "",
      option.bound and "yes" or ""))
  end
end
