--- What is wrong with the docstrings: names without one, ones without a name,
-- and what each has to say. spec/project/docstrings_spec.lua has the examples.
local docstrings = require "doc.reference.docstrings"
local ssl = require "luassl"

local tag = docstrings.tag
local load = loadstring or load

local KNOWN = {}  -- tags
for _, name in ipairs {
  "also", "classmod", "constant", "default", "function", "group", "module", "options", "page", "raise", "since",
  "source", "table", "tfield", "tparam", "treturn", "usage",
} do KNOWN[name] = true end

local MODULES = {ssl = true, https = true}  -- pages of functions that are no methods

local UNTYPED = {["local"] = true, ["return"] = true, param = true, see = true}

local function number_of(version)
  local major, minor, patch = version:match "^(%d+)%.(%d+)%.(%d+)$"
  return major and (major * 1000 + minor) * 1000 + patch
end

-- A release behind the first, and none that is still to come.
local function check_since(version, complain)
  local since = number_of(version)
  if not since then complain("@since " .. version .. " is no version")
  elseif since <= number_of(docstrings.first_release) then complain("@since " .. version .. " goes without saying")
  elseif since > number_of(ssl._VERSION:match "[%d.]+$") then complain("@since " .. version .. " is still to come") end
end

local function check_tags(block, complain)
  for _, t in ipairs(block.tags) do
    if t[1] == "since" then check_since(t[2], complain) end
    if UNTYPED[t[1]] then complain("@" .. t[1] .. " is not to be used here: types are to be told")
    elseif not KNOWN[t[1]] then complain("unknown tag @" .. t[1]) end
    if t[1] == "usage" then
      local chunk, err = load(t[2])
      if not chunk then chunk = load("return " .. t[2]) end
      if not chunk then complain("its example is no Lua: " .. err) end
    end
  end
end

-- A type, and what follows it; of a parameter and a field first its name.
local function check_typed(t, complain)
  local name, rest
  local kind, text = t[2]:match "^(%S+)%s*(.*)$"
  if not kind then return complain("@" .. t[1] .. " says nothing") end
  if t[1] == "treturn" then return end  -- `nil`, `SSLContext` may say enough
  name, rest = text:match "^(%S+)%s*(.*)$"
  if not name then return complain("@" .. t[1] .. " " .. kind .. " has no type or no name") end
  if rest == "" then complain(name .. " is not described") end
end

-- Of a function written in Lua its parameters are known, `self` among them.
local function check_count(block, value, is_method, complain)
  local information = type(value) == "function" and debug.getinfo(value, "Su")
  if not information or information.what == "C" or not information.nparams or information.isvararg then return end
  local count = 0
  for _, t in ipairs(block.tags) do
    if t[1] == "tparam" and not t[2]:match "^%S+%s+(%S+)":find("%w%.") then count = count + 1 end
  end
  local wanted = information.nparams - (is_method and 1 or 0)
  if count ~= wanted then complain(("has %d parameters, %d are described"):format(wanted, count)) end
end

local function check_entry(page, block, value, complain)
  if block.text == "" then complain "has no description" end
  check_tags(block, complain)
  for _, t in ipairs(block.tags) do
    if t[1] == "tparam" or t[1] == "treturn" or t[1] == "tfield" then check_typed(t, complain) end
  end
  if block.type == "function" then
    if not tag(block, "treturn") then complain "says of no value that it returns" end
    if not tag(block, "usage") then complain "has no example" end
    check_count(block, value, not MODULES[page.name], complain)
  elseif block.type == "constant" and not block.value then complain "has no type" end
end

local function check_options(rows, described, complain)
  local known = {}
  for _, row in ipairs(rows) do
    known[row.name] = true
    local block = described[row.name]
    if not block then complain("option " .. row.name .. " has no docstring")
    else
      local function about(text) complain("option " .. row.name .. ": " .. text) end
      if block.text == "" then about "has no description" end
      if row.default ~= nil and tag(block, "default") then about "its row has the default, @default too" end
      check_tags(block, about)
    end
  end
  for name in pairs(described) do
    if not known[name] then complain("option " .. name .. ": there is none") end
  end
end

--- All complaints, a list of strings, empty when all is well.
-- @tparam table pages from docstrings.read
-- @tparam table described from docstrings.read
-- @tparam table names the public ones by page: `{NAME = value}`, names.lua
-- @tparam table rows core.options
local function find(pages, described, names, rows)
  local list, options = {}, {}
  local function complain(text) list[#list + 1] = text end
  for _, row in ipairs(rows) do options[row.name] = "SSLContext" end  -- where their entries are
  for _, page in ipairs(pages) do
    local function about(name)
      return function(text) complain(("%s: %s %s"):format(page.name, name, text)) end
    end
    if not page.intro or page.intro.text == "" then about "the page" "has no introduction" end
    for name, value in pairs(names[page.name]) do
      local block = page.entries[name]
      if block then check_entry(page, block, value, about(name))
      elseif options[name] ~= page.name then about(name) "has no docstring" end
    end
    for name in pairs(page.entries) do
      if names[page.name][name] == nil then about(name) "has a docstring, but there is no such name" end
    end
  end
  check_options(rows, described, complain)
  table.sort(list)
  return list
end

return find
