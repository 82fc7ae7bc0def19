--- Contexts that `connect` made, kept for the next call with the same options.
-- @module luassl.context_cache

local core = require "luassl.core"

local digest, stamp = core.digest, core.stamp

local context_cache = {}

local LIMIT = 16

local FILES, SECRETS = {}, {}
for _, option in ipairs(core.options) do FILES[option.name], SECRETS[option.name] = option.file, option.secret end

-- Keys are digests: what the options hold, PEM among it, stands in none.
local kept = {}  -- most recently used first: { key =, context = }

-- What stands in the tables of option certificates goes with the others.
local function flatten(options)
  local list = options.certificates
  if type(list) ~= "table" then return options end
  local flat = {}
  for name, value in pairs(options) do flat[name] = value end
  flat.certificates = #list
  for i, entry in ipairs(list) do
    if type(entry) == "table" then
      for name, value in pairs(entry) do flat[("%s %d"):format(tostring(name), i)] = value end
    end
  end
  return flat
end

-- The option's own name.
local function row(name)
  return type(name) == "string" and name:match "^(.*) %d+$" or name
end

-- What distinguishes an option's value from others.
local function identify(name, value)
  if type(value) == "table" then
    local parts = {}
    for i, part in ipairs(value) do parts[i] = ("%q"):format(tostring(part)) end
    return table.concat(parts, ",")
  end
  local text = ("%s:%q"):format(type(value), tostring(value))
  if FILES[row(name)] and type(value) == "string" then text = text .. stamp(value) end
  return text
end

-- Whether the value must not, or cannot, be told by its text.
local function is_private(name, value)
  return SECRETS[row(name)] or type(value) == "function"
end

-- What stands for a secret: a digest of its text; for a function itself.
local function digest_of(value)
  if type(value) == "table" then
    local parts = {}
    for name, part in pairs(value) do
      if type(part) == "table" then
        for field, text in pairs(part) do
          parts[#parts + 1] = ("%q %q %q"):format(tostring(name), tostring(field), tostring(text))
        end
      else
        parts[#parts + 1] = ("%q %q"):format(tostring(name), tostring(part))
      end
    end
    table.sort(parts)
    value = table.concat(parts, "\n")
  end
  return type(value) == "string" and (digest(value) or {}) or value
end

-- The key, and the options that are not in it; nil if all are. Without random
-- numbers there is no key.
local function key_of(options)
  local parts = { stamp() }  -- of what the system trusts
  local private
  for name, value in pairs(flatten(options)) do
    if is_private(name, value) then
      private = private or {}
      private[name] = digest_of(value)
    else
      parts[#parts + 1] = ("%q=%s"):format(tostring(name), identify(name, value))
    end
  end
  table.sort(parts)
  return digest(table.concat(parts, "\n")), private
end

local function find(key)
  for i, entry in ipairs(kept) do
    if entry.key == key then
      table.remove(kept, i)
      table.insert(kept, 1, entry)
      return entry.context
    end
  end
end

-- The caller's table stands for secrets and functions: table -> { key =, context =, private = }
local owned = setmetatable({}, { __mode = "k" })

local function is_same(a, b)
  for name, value in pairs(a) do
    if b[name] ~= value then return false end
  end
  for name in pairs(b) do
    if a[name] == nil then return false end
  end
  return true
end

local function find_owned(identity, key, private)
  local entry = owned[identity]
  if entry and entry.key == key and is_same(entry.private, private) then return entry.context end
end

local function keep(key, context)
  table.insert(kept, 1, { key = key, context = context })
  kept[LIMIT + 1] = nil
end

--- The context for `options`, made by `make` if none is kept.
-- @tparam table options
-- @tparam table identity the caller's own table, which stands for functions
-- and passphrases in it
-- @tparam function make options -> SSLContext, or nil and an error; raises at
-- the caller of who calls this
-- @treturn[1] SSLContext
-- @treturn[2] nil
-- @treturn[2] SSLError
function context_cache.get(options, identity, make)
  local key, private = key_of(options)
  local context, err
  if not key then
    context, err = make(options)
    return context, err
  end
  if private then context = find_owned(identity, key, private) else context = find(key) end
  if context then return context end
  context, err = make(options)
  if not context then return nil, err end
  if private then owned[identity] = { key = key, context = context, private = private } else keep(key, context) end
  return context
end

return context_cache
