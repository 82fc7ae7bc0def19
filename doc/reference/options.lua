--- The options as the reference and doc/options.md show them: type, default and
-- side are the row's in src/context/option_table.c, what an option means says
-- the docstring above it.
local constants = require "luassl.constants"
local core = require "luassl.core"
local docstrings = require "doc.reference.docstrings"

local options = {}

local TYPES = {
  bytes = "string", certificates = "list of tables", list = "list of strings", log = "string, a path, or function",
  password = "string or function", psk = "table or function", tlsa = "list of tables",
  time = "number, seconds since the epoch",
  version = '"TLSv1", "TLSv1.1", "TLSv1.2" or "TLSv1.3"',
}

-- Integers that are constants of the module.
local CONSTANTS = {cert_reqs = "CERT_", ssl_version = "PROTOCOL_"}

local function constant(row, value)
  for name, number in pairs(constants) do
    if number == value and name:sub(1, #CONSTANTS[row.name]) == CONSTANTS[row.name] then return name end
  end
end

local function type_of(row)
  if CONSTANTS[row.name] then return ("integer, a %s constant"):format(CONSTANTS[row.name]) end
  if row.object then return row.object end
  if row.type == "seconds" then return row.above_zero and "number, seconds above 0" or "number, seconds" end
  if row.type == "integer" then return ("integer, %d to %d"):format(row.first, row.last) end
  if row.type == "record_size" then return ('"dynamic", or integer, %d to %d'):format(row.first, row.last) end
  if row.file then return "string, a path" end
  return TYPES[row.type] or row.type
end

-- The first sentence.
function options.summary(text)
  text = text:gsub("\n%s*", " ")
  return text:match "^(.-[.?])%s" or text
end

-- Where other defaults than a context's hold, and as what the tables have it.
local DIFFERENT = {
  {"connect", "`ssl.connect`"}, {"wrap", "`ssl.wrap_socket`"}, {"default", "`ssl.create_default_context`"},
}

-- What holds without the option, by kind, and all of it in `text`.
local function defaults_of(row, block)
  local defaults = {plain = docstrings.tag(block, "default") or "none"}
  local value = row.default
  if value ~= nil and CONSTANTS[row.name] then value = constant(row, value) end
  if value ~= nil then defaults.plain = "`" .. tostring(value) .. "`" end
  for _, t in ipairs(block.tags) do
    if t[1] == "default" and t[3] ~= "" then defaults[t[3]:sub(2, -2)] = t[2] end
  end
  local parts = {defaults.plain}
  for _, each in ipairs(DIFFERENT) do
    if defaults[each[1]] then parts[#parts + 1] = each[2] .. ": " .. defaults[each[1]] end
  end
  defaults.text = table.concat(parts, "; ")
  return defaults
end

-- Each with what it says; `undocumented` is called with those that say nothing.
function options.read(docs, undocumented)
  local list = {}
  for _, row in ipairs(core.options) do
    local block = docs[row.name]
    if not block then undocumented(row.name)
    else
      local entry = {
        name = row.name, type = type_of(row), defaults = defaults_of(row, block), side = row.side or "both", row = row,
        text = block.text, summary = options.summary(block.text), block = block,
      }
      list[#list + 1], list[row.name] = entry, entry
    end
  end
  return list
end

-- Which options a heading `@options KIND` stands for.
local KINDS = {
  context = function(row) return row.context end,
  connection = function(row) return row.connection end,
  connect = function(row) return row.connect or row.connection end,
  wrap = function(row) return row.wrap or row.connection end,
  fetch = function(row) return row.fetch end,
}

-- Whether it is an option of connections or of the functions that make them.
function options.is_of_connection(row)
  return row.connection or row.connect or row.wrap or row.fetch
end

function options.select(list, kind)
  local wanted = KINDS[kind] or error("no such kind of options: " .. kind, 0)
  local found = {}
  for _, option in ipairs(list) do
    if wanted(option.row) then found[#found + 1] = option end
  end
  return found
end

return options
