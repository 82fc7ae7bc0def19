--- `luacats.lua DIRECTORY` writes DIRECTORY/luassl.lua and DIRECTORY/luassl/https.lua:
-- annotations from which editors (lua-language-server) know the module's names,
-- types and texts. They are made of the docstrings; nothing ever loads them.
-- spec/project/luacats_spec.lua compares them with the module.
local core = require "luassl.core"
local docstrings = require "doc.reference.docstrings"
local options = require "doc.reference.options"

local tag = docstrings.tag

local luacats = {}

-- ---- types

local CLASSES = {}
for _, name in ipairs {"SSLContext", "SSLSocket", "SSLObject", "SSLStream", "Certificate", "SSLSession", "SSLError",
  "HTTPSClient"} do CLASSES[name] = "luassl." .. name end

-- What the reference calls the values that only this module makes.
local OWN = {class = "table", constant = "any"}

-- One alternative: `{string,...}` is a list, `{integer,integer}` a tuple.
local function simple(name)
  local inner = name:match "^{(.*)}$"
  if not inner then return CLASSES[name] or OWN[name] or name end
  inner = inner:gsub("[%w_]+", CLASSES)
  local list = inner:match "^(.-),%.%.%.$"
  if list then return (list:find("|", 1, true) and "(%s)[]" or "%s[]"):format(list) end
  local number = 0
  return "{" .. inner:gsub("[^,]+", function(each)
    number = number + 1
    return ("[%d]: %s"):format(number, each)
  end) .. "}"
end

--- A docstring's type as LuaCATS has it; `?string` may be nil.
function luacats.type(name)
  local optional = name:match "^%?(.+)$"
  name = optional or name
  local parts, depth, from = {}, 0, 1
  for i = 1, #name + 1 do
    local c = name:sub(i, i)
    if c == "{" then depth = depth + 1 elseif c == "}" then depth = depth - 1 end
    if c == "" or c == "|" and depth == 0 then
      parts[#parts + 1] = simple(name:sub(from, i - 1))
      from = i + 1
    end
  end
  if optional then parts[#parts + 1] = "nil" end
  return table.concat(parts, "|")
end

-- What an option takes, by the type of its row.
local ROW_TYPES = {
  boolean = "boolean", bytes = "string", string = "string", integer = "integer", seconds = "number", time = "number",
  list = "string[]", texts = "string|string[]", certificates = "table[]", tlsa = "table[]",
  table = "table<string, any>",
  psk = "table|function", log = "string|function", password = "string|function", record_size = '"dynamic"|integer',
  version = '"TLSv1"|"TLSv1.1"|"TLSv1.2"|"TLSv1.3"', responses = "string|string[]|function",
  x509 = "string|luassl.Certificate|table",
}

local function row_type(row, hooks)
  if row.object then return CLASSES[row.object] end
  if row.type == "function" then return luacats.signature(hooks[row.name]) end
  return ROW_TYPES[row.type] or error("no type for options of type " .. row.type, 0)
end

-- ---- functions

-- Parameters in order, `{name=, type=, text=, optional=, members={}}`.
local function parameters(block)
  local list, known = {}, {}
  for _, t in ipairs(block.tags) do
    local kind, name, text = t[2]:match "^(%S+)%s+(%S+)%s*(.*)$"
    if t[1] == "tparam" then
      local of, member = name:match "^([%w_]+)%.([%w_]+)$"
      local parameter = {name = member or name, type = luacats.type(kind), text = text,
        optional = t[3]:find "opt" ~= nil or kind:sub(1, 1) == "?", members = {}}
      if of then table.insert(known[of].members, parameter)
      else list[#list + 1], known[name] = parameter, parameter end
    end
  end
  return list
end

-- Results by position: the types of all that may stand there.
local function results(block)
  local groups, order = {}, {}
  for _, t in ipairs(block.tags) do
    if t[1] == "treturn" then
      local number = tonumber(t[3]:match "%d+") or 0
      if not groups[number] then
        groups[number] = {}
        order[#order + 1] = number
      end
      local kind, text = t[2]:match "^(%S+)%s*(.*)$"
      if kind ~= "nothing" then
        table.insert(groups[number], {type = luacats.type(kind), text = text, optional = t[3]:find "opt" ~= nil})
      end
    end
  end
  local length = 0
  for _, number in ipairs(order) do length = math.max(length, #groups[number]) end
  local list = {}
  for i = 1, length do
    local types, seen, text = {}, {}, nil
    local function put(name)
      if name ~= "nil" and not seen[name] then types[#types + 1] = name end
      seen[name] = true
    end
    for _, number in ipairs(order) do
      local value = groups[number][i]
      for part in (value and value.type or "nil"):gmatch "[^|]+" do put(part) end
      if value and value.optional then put "nil" end
      if value and value.text ~= "" then text = text and text .. "; or " .. value.text or value.text end
    end
    if seen["nil"] then types[#types + 1] = "nil" end
    list[i] = {type = table.concat(types, "|"), text = text}
  end
  return list
end

local function one_line(text)
  return (text:gsub("%s+", " "))
end

local function say(lines, text)
  for line in (text .. "\n"):gmatch "(.-)\n" do lines[#lines + 1] = ("---" .. line):gsub("%s+$", "") end
end

--- The type of a function that a program writes, a hook.
function luacats.signature(block)
  local arguments, returned = {}, {}
  for i, parameter in ipairs(parameters(block)) do arguments[i] = parameter.name .. ": " .. parameter.type end
  for i, result in ipairs(results(block)) do returned[i] = "(" .. result.type .. ")" end
  local text = ("fun(%s)"):format(table.concat(arguments, ", "))
  return #returned > 0 and text .. ": " .. table.concat(returned, ", ") or text
end

-- Where a parameter `options` is a table of those of option_table.c.
local TAKES_OPTIONS = {ssl = true, SSLContext = true}

-- A class for a table with known fields; its name.
local function member_class(lines, page, block, parameter, is_options)
  if #parameter.members == 0 then return is_options and "luassl.Options" or nil end
  local name = ("luassl.%s.%s.%s"):format(page.name, block.name, parameter.name)
  lines[#lines + 1] = ("---@class %s%s"):format(name, is_options and ": luassl.Options" or "")
  for _, member in ipairs(parameter.members) do
    lines[#lines + 1] = ("---@field %s%s %s %s"):format(member.name, member.optional and "?" or "", member.type,
      one_line(member.text))
  end
  lines[#lines + 1] = ""
  return name
end

local function function_of(lines, page, block, prefix, separator)
  local list = parameters(block)
  for _, parameter in ipairs(list) do
    local is_table = parameter.type:find "%f[%w]table%f[^%w]"
    local takes_options = parameter.name == "options" and TAKES_OPTIONS[page.name]
    local class = is_table and member_class(lines, page, block, parameter, takes_options)
    if class then parameter.type = parameter.type:gsub("%f[%w]table%f[^%w]", (class:gsub("%%", "%%%%"))) end
  end
  local names = {block.name}
  for _, also in ipairs(docstrings.words(tag(block, "also"))) do names[#names + 1] = also end
  for _, name in ipairs(names) do
    say(lines, block.text)
    local arguments = {}
    for i, parameter in ipairs(list) do
      arguments[i] = parameter.name
      if parameter.name == "..." then lines[#lines + 1] = ("---@param ... %s"):format(parameter.type)
      else
        lines[#lines + 1] = ("---@param %s%s %s %s"):format(parameter.name, parameter.optional and "?" or "",
          parameter.type, one_line(parameter.text))
      end
    end
    for _, result in ipairs(results(block)) do
      lines[#lines + 1] = ("---@return %s%s"):format(result.type, result.text and " # " .. one_line(result.text) or "")
    end
    lines[#lines + 1] = ("function %s%s%s(%s) end\n"):format(prefix, separator, name, table.concat(arguments, ", "))
  end
end

-- ---- values

local VALUES = {integer = "0", string = '""', boolean = "true"}

local function value_of(lines, prefix, block)
  say(lines, block.text)
  local kind = block.type == "table" and "table<string, boolean>" or luacats.type(block.value or "table")
  if block.name == "HAS" or block.type ~= "table" then lines[#lines + 1] = "---@type " .. kind end
  lines[#lines + 1] = ("%s.%s = %s\n"):format(prefix, block.name, VALUES[kind] or "{}")
end

-- An SSLError's fields and its kinds.
local function error_fields(lines, entries)
  local kinds = {}
  for _, t in ipairs(entries.kinds.tags) do
    if t[1] == "tfield" then kinds[#kinds + 1] = ("%q"):format(t[2]:match "^%S+%s+(%S+)") end
  end
  lines[#lines + 1] = "---@alias luassl.ErrorKind " .. table.concat(kinds, "|") .. "\n"
  lines[#lines + 1] = "---@class luassl.SSLError"
  for _, t in ipairs(entries.fields.tags) do
    local kind, name, text = t[2]:match "^(%S+)%s+(%S+)%s*(.*)$"
    if t[1] == "tfield" then
      kind = name == "kind" and "luassl.ErrorKind" or luacats.type(kind)
      lines[#lines + 1] = ("---@field %s? %s %s"):format(name, kind, one_line(text))
    end
  end
end

local function options_class(lines, described, hooks)
  lines[#lines + 1] = "--- All options; the reference says which function takes which."
  lines[#lines + 1] = "---@class luassl.Options"
  for _, row in ipairs(core.options) do
    local text = one_line(options.summary(described[row.name].text))
    lines[#lines + 1] = ("---@field %s? %s %s"):format(row.name, row_type(row, hooks), text)
  end
  lines[#lines + 1] = ""
end

-- ---- pages

local function each(page, use)
  for _, group in ipairs(page.groups) do
    for _, block in ipairs(group.entries) do use(block) end
  end
end

local function class_page(lines, page)
  say(lines, page.intro.text)
  if page.name == "SSLError" then error_fields(lines, page.entries)
  else lines[#lines + 1] = "---@class luassl." .. page.name end
  lines[#lines + 1] = ("local %s = {}\n"):format(page.name)
  each(page, function(block)
    if block.type == "function" then function_of(lines, page, block, page.name, ":") end
  end)
end

local function module_page(lines, page, name)
  say(lines, page.intro.text)
  lines[#lines + 1] = ("---@class %s\nlocal %s = {}\n"):format(name, page.name)
  each(page, function(block)
    if block.type == "function" then function_of(lines, page, block, page.name, ".")
    else value_of(lines, page.name, block) end
  end)
  lines[#lines + 1] = "return " .. page.name
end

--- The two files' texts.
-- @treturn string of `luassl`
-- @treturn string of `luassl.https`
function luacats.texts()
  local pages, described = docstrings.read()
  local main, https = {"---@meta luassl", ""}, {"---@meta luassl.https", ""}
  options_class(main, described, pages.Hooks.entries)
  for _, page in ipairs(pages) do
    if page.name == "HTTPSClient" then class_page(https, page)
    elseif CLASSES[page.name] then class_page(main, page) end
  end
  module_page(main, pages.ssl, "luassl")
  module_page(https, pages.https, "luassl.https")
  return table.concat(main, "\n") .. "\n", table.concat(https, "\n") .. "\n"
end

local function write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  assert(file:close())
end

if arg and arg[0] and arg[0]:find "luacats%.lua$" then
  local directory = assert(arg[1], "which directory?")
  assert(os.execute(("mkdir -p '%s/luassl'"):format(directory)))
  local main, https = luacats.texts()
  write(directory .. "/luassl.lua", main)
  write(directory .. "/luassl/https.lua", https)
end

return luacats
