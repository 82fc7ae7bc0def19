-- Prints doc/options.md: `make doc` writes it.
local docstrings = require "doc.reference.docstrings"
local options = require "doc.reference.options"

local _, docs = docstrings.read()
local list = options.read(docs, function(name) error("option " .. name .. " has no docstring", 0) end)

print [[
# Options

The options of a context and of a connection. Which functions take them, and all that is to be said of each: the page
`SSLContext` of the reference (`make doc`). A connection that does not name an option has what its context has. "Side":
only a client's or only a server's connections have it. "Bound": a session is resumed only where the option is the same.

| option | type | default | side | of a context | of a connection | bound | description |
|---|---|---|---|---|---|---|---|]]
for _, option in ipairs(list) do
  local row = option.row
  if row.context or row.connection then
    print(("| `%s` | %s | %s | %s | %s | %s | %s | %s |"):format(option.name, option.type,
      option.defaults.plain:gsub("\n%s*", " "), option.side, row.context and "yes" or "no",
      row.connection and "yes" or "no", row.bound and "yes" or "no", option.summary))
  end
end
