--- Contexts that `connect` made, kept for the next call with the same options.
-- @module luassl.contexts

local stamp = require "luassl.core".stamp

local contexts = {}

local LIMIT = 16
local FILES = { keyfile = true, certfile = true, ca_certs = true, ca_path = true }

local kept = {}  -- most recently used first: { key =, context = }

-- What distinguishes an option's value from others.
local function identify(name, value)
  if type(value) == "table" then
    local parts = {}
    for i, part in ipairs(value) do parts[i] = ("%q"):format(tostring(part)) end
    return table.concat(parts, ",")
  end
  local text = ("%s:%q"):format(type(value), tostring(value))
  if FILES[name] and type(value) == "string" then text = text .. stamp(value) end
  return text
end

local function key_of(options)
  local parts = { stamp() }  -- of what the system trusts
  for name, value in pairs(options) do
    if name ~= "password" and name ~= "key" then
      parts[#parts + 1] = ("%q=%s"):format(tostring(name), identify(name, value))
    end
  end
  table.sort(parts)
  return table.concat(parts, "\n")
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

-- Secrets and functions never show in a key: the caller's table stands for them.
local secrets = setmetatable({}, { __mode = "k" })  -- table -> { key =, context =, password =, private =}

local function find_secret(identity, key, options)
  local entry = secrets[identity]
  if entry and entry.key == key and entry.password == options.password and entry.private == options.key then
    return entry.context
  end
end

local function keep(key, context)
  table.insert(kept, 1, { key = key, context = context })
  kept[LIMIT + 1] = nil
end

--- The context for `options`, made by `make` if none is kept.
-- @tparam table options
-- @tparam table identity the caller's own table, which stands for functions
-- and passphrases in it
-- @tparam function make options -> SSLContext, or nil and an error
-- @treturn[1] SSLContext
-- @treturn[2] nil
-- @treturn[2] SSLError
function contexts.get(options, identity, make)
  local key = key_of(options)
  local is_secret = options.password ~= nil or options.key ~= nil
  local context, err
  if is_secret then context = find_secret(identity, key, options) else context = find(key) end
  if context then return context end
  context, err = make(options)
  if not context then return nil, err end
  if is_secret then
    secrets[identity] = { key = key, context = context, password = options.password, private = options.key }
  else
    keep(key, context)
  end
  return context
end

return contexts
