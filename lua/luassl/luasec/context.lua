--- LuaSec's `ssl.context`: contexts that are made step by step.
-- A context is a userdata with a table of settings, of which an SSLContext is
-- made again whenever one of them changes.
-- @module luassl.luasec.context

local core = require "luassl.core"
local config = require "luassl.luasec.config"
local hooks = require "luassl.hooks"
local build = require "luassl.luasec.settings".build

local new_context, find_settings = core.luasec.new_context, core.luasec.settings

local context = {}

local PROTOCOLS = { any = true, sslv23 = true, tlsv1 = true, tlsv1_1 = true, tlsv1_2 = true, tlsv1_3 = true }

local VERIFY = { none = true, peer = true, fail_if_no_peer_cert = true, client_once = true }
local VERIFY_EXT = { lsec_continue = true, lsec_ignore_purpose = true, crl_check = true, crl_check_chain = true }

-- The settings of a context; raises for anything else.
local function settings_of(value, operation)
  local settings = value ~= nil and find_settings(value)
  if settings then return settings end
  local kind = type(value)
  error(("bad argument #1 to '%s' (SSL:Context expected, got %s)"):format(operation, kind), 3)
end

local function check_string(value, index, operation)
  if type(value) == "string" then return value end
  if type(value) == "number" then return tostring(value) end
  local found = value == nil and "nil" or type(value)
  error(("bad argument #%d to '%s' (string expected, got %s)"):format(index, operation, found), 3)
end

-- Changes settings, all or nothing.
local function change(settings, changes)
  local old = {}
  for name, value in pairs(changes) do
    old[name], settings[name] = settings[name], value
  end
  if not settings.mode or settings.collects then return true end
  local done, err = build(settings)
  if done then return true end
  for name in pairs(changes) do settings[name] = old[name] end
  return false, err
end

-- ---- ssl.context ----

--- Makes a context; `setmode` says for which side.
-- @tparam string protocol
function context.create(protocol)
  protocol = check_string(protocol, 1, "create")
  if not PROTOCOLS[protocol] then return nil, ("invalid protocol (%s)"):format(protocol) end
  return new_context {
    protocol = protocol, certificates = {}, verify = {}, verifyext = {}, switches = {},
  }
end

function context.setmode(self, mode)
  local settings = settings_of(self, "setmode")
  mode = check_string(mode, 2, "setmode")
  if mode ~= "client" and mode ~= "server" then return false, ("invalid mode (%s)"):format(mode) end
  return change(settings, { mode = mode })
end

local function copy(list)
  local result = {}
  for i, entry in ipairs(list) do
    result[i] = { certificate = entry.certificate, key = entry.key, password = entry.password }
  end
  return result
end

-- The key or certificate goes to the entry that has none yet.
local function load(settings, name, value, password)
  local list = copy(settings.certificates)
  local entry = list[#list]
  if not entry or entry[name] then
    entry = {}
    list[#list + 1] = entry
  end
  entry[name] = value
  if name == "key" then entry.password = password end
  return change(settings, { certificates = list })
end

function context.loadkey(self, path, password)
  local settings = settings_of(self, "loadkey")
  path = check_string(path, 2, "loadkey")
  local kind = type(password)
  if kind ~= "nil" and kind ~= "string" and kind ~= "function" then return false, "invalid callback value" end
  return load(settings, "key", path, password)
end

function context.loadcert(self, path)
  local settings = settings_of(self, "loadcert")
  return load(settings, "certificate", check_string(path, 2, "loadcert"))
end

--- Keys and certificates are compared as they are loaded.
function context.checkkey(self)
  local settings = settings_of(self, "checkkey")
  local entry = settings.certificates[#settings.certificates]
  return entry ~= nil and entry.key ~= nil and entry.certificate ~= nil
end

function context.locations(self, cafile, capath)
  local settings = settings_of(self, "locations")
  if cafile ~= nil then cafile = check_string(cafile, 2, "locations") end
  if capath ~= nil then capath = check_string(capath, 3, "locations") end
  return change(settings, { cafile = cafile, capath = capath })
end

function context.setcipher(self, ciphers)
  local settings = settings_of(self, "setcipher")
  return change(settings, { ciphers = check_string(ciphers, 2, "setcipher") })
end

function context.setciphersuites(self, ciphersuites)
  local settings = settings_of(self, "setciphersuites")
  return change(settings, { ciphersuites = check_string(ciphersuites, 2, "setciphersuites") })
end

-- A set of words; nil and the one that is none.
local function set_of(known, ...)
  local result = {}
  for i = 1, select("#", ...) do
    local word = select(i, ...)
    if not known[word] then return nil, tostring(word) end
    result[word] = true
  end
  return result
end

function context.setverify(self, ...)
  local settings = settings_of(self, "setverify")
  local verify, wrong = set_of(VERIFY, ...)
  if not verify then return false, ("invalid verify option (%s)"):format(wrong) end
  return change(settings, { verify = verify })
end

function context.setverifyext(self, ...)
  local settings = settings_of(self, "setverifyext")
  local ext, wrong = set_of(VERIFY_EXT, ...)
  if not ext then return false, ("invalid verify option (%s)"):format(wrong) end
  return change(settings, { verifyext = ext })
end

function context.setoptions(self, ...)
  local settings = settings_of(self, "setoptions")
  local switches, wrong = set_of(config.options, ...)
  if not switches then return false, ("invalid option (%s)"):format(wrong) end
  for word in pairs(settings.switches) do switches[word] = true end
  return change(settings, { switches = switches })
end

function context.setdepth(self, depth)
  local settings = settings_of(self, "setdepth")
  if type(depth) ~= "number" then
    error(("bad argument #2 to 'setdepth' (number expected, got %s)"):format(type(depth)), 2)
  end
  return change(settings, { depth = math.floor(math.max(0, math.min(depth, 100))) })
end

--- OpenSSL's own parameters are used, whose strength fits the certificate's.
function context.setdhparam(self, callback)
  settings_of(self, "setdhparam")
  if type(callback) ~= "function" then
    error(("bad argument #2 to 'setdhparam' (function expected, got %s)"):format(type(callback)), 2)
  end
end

function context.setcurve(self, curve)
  local settings = settings_of(self, "setcurve")
  return change(settings, { curve = check_string(curve, 2, "setcurve") })
end

function context.setcurveslist(self, curves)
  local settings = settings_of(self, "setcurveslist")
  return change(settings, { curveslist = check_string(curves, 2, "setcurveslist") })
end

-- Names from the wire's form of a list, each behind its length; nil: it is none.
local function from_wire(bytes)
  local names, i = {}, 1
  while i <= #bytes do
    local size = bytes:byte(i)
    if size == 0 or i + size > #bytes then return nil end
    names[#names + 1] = bytes:sub(i + 1, i + size)
    i = i + size + 1
  end
  return names[1] and names
end

function context.setalpn(self, bytes)
  local settings = settings_of(self, "setalpn")
  local names = from_wire(check_string(bytes, 2, "setalpn"))
  if not names then return false, "error setting ALPN (bad value)" end
  return change(settings, { alpn = names })
end

local function to_wire(names)
  local parts = {}
  for i, name in ipairs(names) do parts[i] = string.char(#name) .. name end
  return table.concat(parts)
end

function context.setalpncb(self, callback)
  local settings = settings_of(self, "setalpncb")
  if type(callback) ~= "function" then
    error(("bad argument #2 to 'setalpncb' (function expected, got %s)"):format(type(callback)), 2)
  end
  settings.alpn = function(names)
    local bytes = callback(to_wire(names))
    return type(bytes) == "string" and from_wire(bytes) or nil
  end
  return true
end

--- Lets connections of the context be verified by TLSA records.
function context.setdane(self, ...)
  local settings = settings_of(self, "setdane")
  local flags, wrong = set_of(config.capabilities.dane, ...)
  if not flags then return false, ("invalid dane flag (%s)"):format(wrong) end
  return change(settings, { dane = flags })
end

-- ---- newcontext ----

-- The names of an ALPN list; nil and LuaSec's string.
local function alpn_names(names)
  if type(names) == "string" then names = { names } end
  if type(names) ~= "table" then return nil, "invalid ALPN parameter" end
  local result = {}
  for i, name in ipairs(names) do
    if type(name) ~= "string" then return nil, "invalid ALPN parameter" end
    if name == "" then return nil, "invalid ALPN name (empty string)" end
    if #name > 255 then return nil, "invalid ALPN name (length > 255)" end
    result[i] = name
  end
  if not result[1] then return nil, "invalid ALPN list (empty)" end
  return result
end

-- Applies a word or a list of words, if there is any.
local function each(set, self, words_given)
  if not words_given then return true end
  if type(words_given) == "table" then return set(self, (table.unpack or unpack)(words_given)) end
  return set(self, words_given)
end

local function load_all(self, cfg)
  local list = cfg.certificates
  if not list then
    list = { { certificate = cfg.certificate, key = cfg.key, password = cfg.password } }
  end
  for _, entry in ipairs(list) do
    local kind = type(entry.password)
    if entry.key and entry.password and kind ~= "string" and kind ~= "function" then
      return nil, "invalid password type"
    end
    local settings = find_settings(self)
    settings.certificates[#settings.certificates + 1] = {
      certificate = entry.certificate and check_string(entry.certificate, 2, "loadcert"),
      key = entry.key and check_string(entry.key, 2, "loadkey"), password = entry.key and entry.password or nil,
    }
  end
  return true
end

local function set_alpn(settings, cfg)
  if not cfg.alpn then return true end
  if cfg.mode == "server" then
    local kind = type(cfg.alpn)
    if kind ~= "function" and kind ~= "table" then return nil, "invalid ALPN parameter" end
    if kind == "function" then settings.alpn = cfg.alpn
    else
      local names, err = alpn_names(cfg.alpn)
      if not names then return nil, err end
      settings.alpn = function() return cfg.alpn end
    end
    return true
  end
  local names, err = alpn_names(cfg.alpn)
  if not names then return nil, err end
  settings.alpn = names
  return true
end

local STEPS = {
  load_all,
  function(self, cfg)
    if cfg.cafile or cfg.capath then return context.locations(self, cfg.cafile or nil, cfg.capath or nil) end
    return true
  end,
  function(self, cfg) return not cfg.ciphers or context.setcipher(self, cfg.ciphers) end,
  function(self, cfg) return not cfg.ciphersuites or context.setciphersuites(self, cfg.ciphersuites) end,
  function(self, cfg) return each(context.setverify, self, cfg.verify) end,
  function(self, cfg) return each(context.setoptions, self, cfg.options) end,
  function(self, cfg) return not cfg.depth or context.setdepth(self, cfg.depth) end,
  function(self, cfg)
    if not cfg.dhparam then return true end
    if type(cfg.dhparam) ~= "function" then return nil, "invalid DH parameter type" end
    context.setdhparam(self, cfg.dhparam)
    return true
  end,
  function(self, cfg)
    if cfg.curveslist then return context.setcurveslist(self, cfg.curveslist) end
    return not cfg.curve or context.setcurve(self, cfg.curve)
  end,
  function(self, cfg) return each(context.setverifyext, self, cfg.verifyext) end,
  function(self, cfg) return set_alpn(find_settings(self), cfg) end,
  function(self, cfg)
    return not cfg.dane or each(context.setdane, self, type(cfg.dane) == "table" and cfg.dane or {})
  end,
}

local function make(cfg)
  local self, done, err
  self, err = context.create(cfg.protocol)
  if not self then return nil, err end
  local settings = find_settings(self)
  settings.collects = true
  done, err = context.setmode(self, cfg.mode)
  if not done then return nil, err end
  settings.check_hostname, settings.handshake_timeout = cfg.check_hostname, cfg.handshake_timeout
  for _, step in ipairs(STEPS) do
    done, err = step(self, cfg)
    if not done then return nil, err end
  end
  settings.collects = nil
  done, err = build(settings)
  if not done then return nil, err end
  return self
end

--- Makes a context of a table; keys that it does not know are ignored.
-- @tparam integer level where misuse is raised, 2 at the caller
-- @tparam table cfg
function context.new(level, cfg)
  if type(cfg) ~= "table" then
    error(("bad argument #1 to 'newcontext' (table expected, got %s)"):format(type(cfg)), level + 1)
  end
  local fine, self, err = pcall(make, cfg)
  if fine then return self, err end
  if type(self) == "string" then self = self:gsub("^[^\n]-:%d+: bad argument", "bad argument") end
  error(self, type(self) == "string" and self:find "^bad argument" and level + 1 or 0)
end

--- The settings of what `wrap` is given: of an SSLContext of LuaSSL's too.
-- @tparam integer level where misuse is raised, 2 at the caller
-- @param value
function context.settings(level, value)
  local settings = value ~= nil and find_settings(value)
  if settings then
    if not settings.built then return nil, "invalid mode" end
    return settings
  end
  if hooks.is_context(value) then
    local server = core.context.methods.get(value, "server_side")
    if core.context.methods.get(value, "post_handshake_auth") then
      error("wrap: option 'post_handshake_auth' is not for connections under LuaSec's names", level + 1)
    end
    return { built = value, mode = server and "server" or "client", verifyext = {}, foreign = true }
  end
  error(("bad argument #2 to 'wrap' (SSL:Context expected, got %s)"):format(type(value)), level + 1)
end

core.luasec.context_methods.setverifyext = context.setverifyext

return context
