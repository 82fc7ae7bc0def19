--- Connections under LuaSec's names: what takes Lua of them.
-- @module luassl.luasec.connection

local core = require "luassl.core"
local context = require "luassl.luasec.context"
local hooks = require "luassl.hooks"
local misuse = require "luassl.misuse"

local luasec = core.luasec
local attach, finish, lend = luasec.attach, luasec.finish, luasec.lend
local local_chain, notes_of = luasec.local_chain, luasec.notes
local name_peer, set_name, set_tlsa, words = luasec.name_peer, luasec.set_name, luasec.set_tlsa, luasec.words
local begin_operation = core.connection.begin_operation
local pass, relay = misuse.pass, misuse.relay
local run = hooks.run

local methods = luasec.methods
local peer_certificate, peer_chain = methods.peer_certificate, methods.peer_chain
local local_certificate, finished = methods.local_certificate, methods.finished
local shutdown = methods.shutdown
local verify_errors, verify_result, version = methods.verify_errors, methods.verify_result, methods.version

-- What may have to run a hook when it waits, which no method here does.
for _, name in ipairs { "key_update", "read_early_data", "verify_client_post_handshake", "write_early_data" } do
  methods[name] = nil
end

local connection = {}

-- LuaSec's certificate of a Certificate.
local function as_luasec(certificate)
  return certificate and require "luassl.luasec.x509".from(certificate)
end

local function as_list(chain)
  local result = {}
  for i, certificate in ipairs(chain or {}) do result[i] = as_luasec(certificate) end
  return result
end

-- Bytes that LuaSocket had read already, of a server's client.
local function drain(sock)
  local bytes = {}
  while sock:dirty() do bytes[#bytes + 1] = sock:receive(1) end
  return table.concat(bytes)
end

-- What a client finds in LuaSocket's buffer, nobody vouches for.
local function is_injected(settings, sock)
  return settings.mode == "client" and type(sock.dirty) == "function" and sock:dirty()
end

-- Takes the descriptor over, and what of a server's client LuaSocket had read:
-- true, or nil and an error.
local function take(self, sock)
  if sock:getfd() < 0 then return true end
  local has_bytes = type(sock.dirty) == "function" and sock:dirty()
  return attach(self, sock, has_bytes and drain(sock) or "", false)
end

--- TLS over a LuaSocket object, whose descriptor is taken over. The handshake
-- is not run.
-- @tparam integer level where misuse is raised, 2 at the caller
-- @tparam userdata sock
-- @tparam table|userdata params of `newcontext`, or a context
function connection.wrap(level, sock, params)
  local settings, made, err
  if type(params) == "table" then
    made, err = context.new(level + 1, params)
    if not made then return nil, err end
    params = made
  end
  settings, err = context.settings(level + 1, params)
  if not settings then return nil, err end
  local kind = type(sock)
  if kind ~= "userdata" and kind ~= "table" or type(sock.getfd) ~= "function" or type(sock.setfd) ~= "function" then
    error(("bad argument #1 to 'wrap' (LuaSocket object expected, got %s)"):format(kind), level + 1)
  end
  if is_injected(settings, sock) then
    return nil, "the peer sent clear text before TLS began; it could be anybody's (STARTTLS injection)"
  end
  local self
  self, err = luasec.wrap(settings.built, nil, {})
  if not self then return nil, tostring(err) end
  notes_of(self).settings = settings
  local done
  done, err = take(self, sock)
  if done then return self end
  local text = words(self, err)
  self:close()
  return nil, text
end

-- What is kept about the connection; for a method, which raises at its caller
-- for anything else.
local function check(self, name)
  return pass(relay(3, ":" .. name, pcall(notes_of, self)))
end

-- LuaSec's string of an error; whatever a function of the program refused with.
local function failed(self, err)
  return false, words(self, err)
end

function methods.dohandshake(self)
  local notes = check(self, "dohandshake")
  local begun, done, err
  begun, err = begin_operation(self)
  if not begun then return failed(self, err) end
  if not notes.named then
    done, err = name_peer(self)
    if not done then
      if err ~= "closed" then err = "check_hostname needs the server's name: call sni before dohandshake" end
      return failed(self, err)
    end
    notes.named = true
  end
  done, err = run(self, true)
  if done then return true end
  return false, words(self, err)
end

function methods.sni(self, names, strict)
  local notes = check(self, "sni")
  if notes.settings.mode == "client" then
    if type(names) == "number" then names = tostring(names) end
    if type(names) ~= "string" then
      error(("bad argument #1 to 'sni' (string expected, got %s)"):format(type(names)), 2)
    end
    set_name(self, names)
    return
  end
  if type(names) ~= "table" then
    error(("bad argument #1 to 'sni' (table expected, got %s)"):format(type(names)), 2)
  end
  if notes.settings.foreign then error("sni needs a context of newcontext", 2) end
  for name, value in pairs(names) do
    if type(name) ~= "string" or not luasec.settings(value) then
      error("bad argument #1 to 'sni' (table from names to SSL:Context expected)", 2)
    end
  end
  notes.sni = { contexts = names, strict = strict and true or false }
end

function methods.getpeercertificate(self, depth)
  check(self, "getpeercertificate")
  local certificate, err = peer_certificate(self)
  if err then return nil, err end
  if not version(self) then return nil, "closed" end
  if depth == nil or depth == 0 then return as_luasec(certificate) end
  if type(depth) ~= "number" or depth < 0 then
    error("bad argument #1 to 'getpeercertificate' (invalid certificate index)", 2)
  end
  return as_luasec((peer_chain(self) or {})[depth + 1])
end

function methods.getpeerchain(self)
  check(self, "getpeerchain")
  if not version(self) then return nil, "closed" end
  return as_list(peer_chain(self))
end

function methods.getlocalcertificate(self)
  check(self, "getlocalcertificate")
  if not version(self) then return nil, "closed" end
  return as_luasec(local_certificate(self) or local_chain(self)[1])
end

function methods.getlocalchain(self)
  check(self, "getlocalchain")
  local chain, err = local_chain(self)
  if not chain then return nil, err end
  return as_list(chain)
end

-- The texts of what is wrong, in a list at each depth's number, from 1 on.
local function by_depth(faults)
  local result = {}
  for _, fault in ipairs(faults) do
    local list = result[fault.depth + 1] or {}
    list[#list + 1] = fault.message
    result[fault.depth + 1] = list
  end
  return result
end

function methods.getpeerverification(self)
  local notes = check(self, "getpeerverification")
  if not version(self) then return false, "closed" end
  local code, message = verify_result(self)
  if code == nil or code == 0 then return true end
  if (notes.chosen or notes.settings).verifyext.lsec_continue then return false, by_depth(verify_errors(self) or {}) end
  return false, message
end

function methods.getfinished(self)
  check(self, "getfinished")
  if not version(self) then return nil, "closed" end
  return finished(self, "own")
end

function methods.getpeerfinished(self)
  check(self, "getpeerfinished")
  if not version(self) then return nil, "closed" end
  return finished(self, "peer")
end

--- TLSA records are for this name.
function methods.setdane(self, name)
  local notes = check(self, "setdane")
  if type(name) ~= "string" then
    error(("bad argument #1 to 'setdane' (string expected, got %s)"):format(type(name)), 2)
  end
  if notes.settings.mode ~= "client" or not notes.settings.dane then return false end
  notes.dane = { name = name, records = {} }
  return true
end

-- Whether OpenSSL can use one of the records, which hold from now on.
local function apply(self, notes, records)
  local names = not notes.settings.dane.no_ee_namechecks
  local done, err = set_tlsa(self, records, notes.dane.name, names)
  if err and err.kind ~= "tlsa" then error("not enough memory", 0) end
  return done or false
end

--- One more record: whether it can be used.
function methods.settlsa(self, usage, selector, matching, data)
  local notes = check(self, "settlsa")
  for i, value in ipairs { usage or false, selector or false, matching or false } do
    if type(value) ~= "number" then
      error(("bad argument #%d to 'settlsa' (number expected, got %s)"):format(i, type(value or nil)), 2)
    end
  end
  if type(data) ~= "string" then
    error(("bad argument #4 to 'settlsa' (string expected, got %s)"):format(type(data)), 2)
  end
  if not notes.dane then return false end
  local records = notes.dane.records
  local record = { usage, selector, matching, data }
  if not apply(self, notes, { record }) then
    if records[1] then apply(self, notes, records) end
    return false
  end
  records[#records + 1] = record
  return apply(self, notes, records)
end

--- Ends TLS, in both directions as OpenSSL's SSL_shutdown: true: both are
-- ended; false: our end is said; false and a string: call again. With an
-- argument it is LuaSocket's.
function methods.shutdown(self, how)
  if how ~= nil then return pass(shutdown(self, how)) end
  local notes = check(self, "shutdown")
  local leftover, err = finish(self)
  if leftover then return true end
  err = words(self, err)
  if err == "wantread" and not notes.ended then
    notes.ended = true
    return false
  end
  return false, err
end

methods.exportkeyingmaterial = methods.export_keying_material
methods.getalpn = methods.selected_alpn_protocol
methods.getsniname = methods.server_hostname

-- LuaSocket's options, on an object that borrows the descriptor.
local function with_object(self, operation, ...)
  local object = require "luassl.luasocket".need(operation).tcp()
  return pass(relay(3, ":" .. operation, pcall(lend, self, object, operation, ...)))
end

function methods.getoption(self, name)
  return pass(with_object(self, "getoption", name))
end

function methods.setoption(self, name, value)
  return pass(with_object(self, "setoption", name, value))
end

core.publish(true)

return connection
