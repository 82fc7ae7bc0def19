--- The public names there are: what a program can reach, page by page.
local names = {}

-- The methods that getmetatable shows, without metamethods.
local function methods_of(metatable)
  local found = {}
  for name, method in pairs(metatable.__index) do
    if not name:find "^__" then found[name] = method end
  end
  return found
end

-- What every userdata of a type has.
local function published(type_name)
  local metatable = debug.getregistry()["luassl." .. type_name] or error("there is no type " .. type_name)
  return methods_of(metatable.__metatable)
end

-- Whatever they are options of, their entries are on SSLContext's page.
local function add_options(found, rows)
  for _, row in ipairs(rows) do found[row.name] = true end
  return found
end

-- By page: the names and what they stand for. Hooks are the options that are functions; an
-- SSLError's fields and kinds are a table each.
function names.of(ssl, core)
  local module, hooks, errors = {}, {}, methods_of(ssl.SSLError)
  for name, value in pairs(ssl) do module[name] = value end
  for _, row in ipairs(core.options) do
    if row.type == "function" then hooks[row.name] = true end
  end
  errors.fields, errors.kinds = true, true
  local https = require "luassl.https"
  return {
    ssl = module,
    SSLContext = add_options(published "SSLContext", core.options),
    SSLSocket = published "SSLSocket",
    SSLObject = published "SSLObject",
    SSLStream = require "luassl.stream".methods,
    Certificate = published "Certificate",
    SSLSession = published "SSLSession",
    SSLError = errors,
    https = https,
    HTTPSClient = getmetatable(https.client()).__index,
    Hooks = hooks,
  }
end

return names
