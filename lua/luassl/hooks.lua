--- The one loop that runs a handshake, and the methods that run it first.
-- The handshake itself is C and returns here whenever Lua has to decide
-- something; so what decides may yield, in the coroutine of the caller.
-- @module luassl.hooks

local connection = require "luassl.core".connection
local errors = require "luassl.errors"

local accept, allow, refuse = connection.accept, connection.allow, connection.refuse
local begin_operation, do_handshake_step = connection.begin_operation, connection.do_handshake_step
local use_certificate, use_context = connection.use_certificate, connection.use_context
local use_key, use_protocol = connection.use_key, connection.use_protocol
local use_session = connection.use_session
local HOOK_RUNNING, PENDING, RUN_HOOK = connection.HOOK_RUNNING, connection.PENDING, connection.RUN_HOOK
local new_context = require "luassl.core".context.new
local context_get = require "luassl.core".context.methods.get

local hides = require "luassl.core".hides
local relay = require "luassl.misuse".relay

local hooks = {}

local NAME_MAX = 32  -- bytes of a name in an error

--- What `on_verify` returns to accept a certificate that OpenSSL did not.
-- @page ssl
-- @group Answers of hooks
-- @constant ACCEPT_UNVERIFIED constant
-- @usage on_verify = function(conn, facts)
--   if facts.verified or facts.certificate:pem() == known then return ssl.ACCEPT_UNVERIFIED end
-- end

-- In the state's one core, so that this file, loaded again, has the same.
local ACCEPT_UNVERIFIED = connection.ACCEPT_UNVERIFIED or setmetatable({}, {
  __tostring = function() return "ssl.ACCEPT_UNVERIFIED" end,
  __newindex = function() error("ssl.ACCEPT_UNVERIFIED is a constant", 2) end,
  __metatable = false,
})
hooks.ACCEPT_UNVERIFIED, connection.ACCEPT_UNVERIFIED = ACCEPT_UNVERIFIED, ACCEPT_UNVERIFIED

-- Lua 5.1 cannot yield through pcall: there a hook in a coroutine runs bare. That is not tried out here: nginx's
-- coroutines go through its event loop, and cannot while a module is loaded.
local can_yield_through_pcall = _VERSION ~= "Lua 5.1" or jit ~= nil

-- What callers compare with `==` says how an operation stands: as a hook's
-- refusal it would be taken for that.
local CONDITIONS = { closed = true, timeout = true, wantread = true, wantwrite = true }

local function hook_error(name, text, cause)
  return errors.new("SSLError", { kind = "hook", operation = name, text = name .. ": " .. text, cause = cause })
end

-- The value with which the handshake answers a refusal: the hook's own.
local function reason(name, value)
  if not value then return hook_error(name, "it refused the handshake") end
  if CONDITIONS[value] then return hook_error(name, "it refused: " .. value, value) end
  return value
end

-- What is caught when nil is raised: a string in Lua 5.5.
local NOTHING = select(2, pcall(error))

local function raised(name, value)
  if value == nil or value == NOTHING then return hook_error(name, "it raised nil") end
  if CONDITIONS[value] then return hook_error(name, "it raised: " .. value, value) end
  if type(value) == "string" and (value:find "attempt to yield from outside a coroutine$"
    or value:find "attempt to yield across .*C%-call boundary$") then
    return hook_error(name, "it tried to yield where nothing can: run the handshake in a coroutine"
      .. " (in Lua 5.1 not through pcall either) (" .. value .. ")", value)
  end
  return value
end

function hooks.is_context(value)
  return (pcall(context_get, value, "server_side"))
end

local is_context = hooks.is_context

-- A field's name as it may be shown.
local function name_of(key)
  if type(key) == "string" and #key <= NAME_MAX and not key:find "%c" and not hides(key) then
    return "'" .. key .. "'"
  end
  return "of type " .. type(key)
end

local function check_keys(name, value, known)
  if rawequal(value, ACCEPT_UNVERIFIED) then error(name .. ": ssl.ACCEPT_UNVERIFIED is for on_verify", 0) end
  if type(value) ~= "table" then
    error(("%s: it returned a %s, which is no SSLContext and no table"):format(name, type(value)), 0)
  end
  for key in pairs(value) do
    if not known[key] then error(("%s: unknown field %s in what it returned"):format(name, name_of(key)), 0) end
  end
end

local HELLO_FIELDS = { context = true, alpn_protocol = true, certificate = true }
local CERTIFICATE_FIELDS = {
  cert = true, certfile = true, certificates = true, key = true, key_uri = true, keyfile = true, password = true,
  pkcs12 = true, pkcs12_file = true,
}

-- Takes a context, or a table with certificates and their keys.
local function apply_certificate(self, name, value)
  if is_context(value) then return use_certificate(self, value) end
  check_keys(name, value, CERTIFICATE_FIELDS)
  local options = { server_side = true }
  for field in pairs(CERTIFICATE_FIELDS) do options[field] = value[field] end
  local context, err = new_context(options)
  if not context then return nil, err end
  return use_certificate(self, context)
end

-- Each takes what its hook decided: true, or nil and an error.
local appliers = {}

function appliers.on_client_hello(self, name, value)
  if is_context(value) then return use_context(self, value) end
  check_keys(name, value, HELLO_FIELDS)
  local done, err = true, nil
  if value.alpn_protocol ~= nil then done, err = use_protocol(self, value.alpn_protocol) end
  if done and value.context ~= nil then done, err = use_context(self, value.context) end
  if done and value.certificate ~= nil then
    done, err = apply_certificate(self, name, value.certificate)
  end
  return done, err
end

appliers.on_certificate = apply_certificate

-- What the store has; whether it makes sense is C's to say.
function appliers.get_session(self, _, value) return use_session(self, value) end

local DECIDES = { table = true, userdata = true }

function appliers.on_verify(self, _, value)
  if not rawequal(value, ACCEPT_UNVERIFIED) then  -- no __eq decides this
    error("on_verify: it must return nothing, true, ssl.ACCEPT_UNVERIFIED, or nil and an error", 0)
  end
  accept(self)
  return true
end

local KEY_FIELDS = { hash = true, identity = true, key = true }

function appliers.psk(self, name, value)
  if type(value) == "string" then value = { key = value } end
  check_keys(name, value, KEY_FIELDS)
  return use_key(self, value.identity, value.key, value.hash)
end

-- Tells OpenSSL what the hook returned or, not `fine`, raised.
local function answer(self, name, fine, value, err)
  if not fine then return refuse(self, raised(name, value), "internal_error") end
  if name == "get_session" and not value then return allow(self) end  -- a store that is down refuses nobody
  if value == false or (value == nil and err ~= nil) then return refuse(self, reason(name, err), err) end
  if value == nil or value == true then return allow(self) end
  local kind = type(value)
  local decides = DECIDES[kind] and name ~= "get_session"
  if not decides and not (kind == "string" and (name == "psk" or name == "get_session")) then
    return refuse(self, hook_error(name, "it returned a " .. kind .. ", which decides nothing"), "internal_error")
  end
  local applied, done
  applied, done, err = pcall(appliers[name], self, name, value)
  if not applied then return refuse(self, raised(name, done), "internal_error") end
  if not done and err ~= nil then return refuse(self, err, "internal_error") end
  return allow(self)
end

-- Runs the hook and passes its answer on. Where a yield could not pass pcall,
-- what the hook raises passes through here, and the next step refuses.
local function run_hook(self, name, hook, face, facts)
  if can_yield_through_pcall or not coroutine.running() then
    return answer(self, name, pcall(hook, face, facts))
  end
  return answer(self, name, true, hook(face, facts))
end

-- Where the hook runs inside OpenSSL nothing can yield, and pcall takes nothing away.
connection.set_hook_runner(function(self, name, hook, face, facts)
  return answer(self, name, pcall(hook, face, facts))
end)

-- Another call found the hook at work: nil and an error; true when it will
-- never answer, as its coroutine has ended.
local function hook_is_dead(self, thread, status, name)
  if status ~= "dead" and (can_yield_through_pcall or thread ~= coroutine.running()) then return false end
  refuse(self, hook_error(name, "it ended without an answer"), "internal_error")
  return true
end

local function pending_error(name)
  return errors.new("SSLError", {
    kind = "state", operation = "handshake",
    text = ("handshake: it waits for %s, which has not answered"):format(name),
  })
end

-- Another call found the hook `name` at work in `thread`: true when it has
-- ended, else nil and what this call answers.
local function hook_has_ended(self, thread, name, condition)
  local status = coroutine.status(thread)
  if hook_is_dead(self, thread, status, name) then return true end
  if status == "suspended" then return nil, condition end
  return nil, pending_error(name)
end

-- `behind`: a method waits, which may have stopped behind the handshake.
local function run(self, native, behind)
  local done, err, name, hook, face, facts = do_handshake_step(self, native, behind)
  while err == RUN_HOOK or err == HOOK_RUNNING do
    if err == RUN_HOOK then run_hook(self, name, hook, face, facts)
    else
      local ended, answer_now = hook_has_ended(self, name, hook, face)
      if not ended then return nil, answer_now end
    end
    done, err, name, hook, face, facts = do_handshake_step(self, native, behind)
  end
  return done, err
end

--- Goes on with a handshake until it ends or the operation's time is up.
-- @tparam SSLSocket|SSLObject self whose operation has begun
-- @tparam boolean native answer `"wantread"` and `"wantwrite"` at timeout 0
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @treturn[2] string|SSLError or what a hook raised or refused with
function hooks.run(self, native)
  return run(self, native, false)
end

--- For a method that has answered PENDING: runs the handshake, or the hook
-- that decides about a message behind it.
-- @tparam SSLSocket|SSLObject self whose operation has begun
-- @tparam boolean native answer `"wantread"` and `"wantwrite"` at timeout 0
-- @treturn[1] boolean true: try again
-- @treturn[2] nil
-- @treturn[2] string|SSLError what the method answers
function hooks.go_on(self, native)
  return run(self, native, true)
end

--- Names what a program holds in place of an SSLObject: hooks are given it.
-- Internal: for whoever writes a stream in Lua that holds an SSLObject. The
-- object holds its face; the two are collected together.
-- @function face
-- @tparam SSLObject object
-- @param face any value; nil: the object itself
hooks.face = connection.face

hooks.PENDING = PENDING

local go_on = hooks.go_on

-- What a method answers: one result where it is done, as in C.
local function results(done, err)
  if done ~= nil and err == nil then return done end
  return done, err
end

-- Around a method with one argument at most and two results at most.
local function decide_first(methods, name, native)
  local method = methods[name]
  methods[name] = function(self, ...)
    local fine, done, err = pcall(method, self, ...)
    if not fine then relay(2, ":" .. name, false, done) end
    while err == PENDING do
      done, err = go_on(self, native)
      if not done then return nil, err end
      done, err = method(self, ..., PENDING)
    end
    return results(done, err)
  end
end

--- Adds the methods that run a handshake to a method table of C functions.
-- PENDING as the last argument says that the operation goes on: one deadline.
-- @tparam table methods SSLSocket's or SSLObject's
function hooks.install(methods)
  if methods.do_handshake then return end  -- this file was loaded again
  local read, receive = methods.read, methods.receive
  local send, write = methods.send, methods.write
  local want = methods.want

  --- Runs the handshake, or goes on with it.
  -- @function do_handshake
  -- @page SSLSocket SSLObject
  -- @group Handshake
  -- @also dohandshake
  -- @treturn[1] boolean true
  -- @treturn[2] nil
  -- @treturn[2] string|SSLError `"timeout"`, at timeout 0 `"wantread"` or
  -- `"wantwrite"` (call again when `want` is met), `"closed"`, or a failure
  -- @source SSL_do_handshake(3)
  -- @usage local done, err = conn:do_handshake()
  -- if err == "wantread" or err == "wantwrite" then  -- call it again, when
  --   local reading, writing = conn:want()           -- this is met
  -- end
  function methods.do_handshake(self)
    relay(2, ":do_handshake", pcall(want, self))  -- raises for what is not of this type: `begin_operation` takes both
    local begun, err = begin_operation(self)
    if not begun then return nil, err end
    return run(self, true, false)
  end
  methods.dohandshake = methods.do_handshake

  if connection.set_handshake then return connection.set_handshake(go_on) end  -- C can do the rest

  for _, name in ipairs { "shutdown", "key_update", "verify_client_post_handshake" } do
    decide_first(methods, name, false)
  end
  decide_first(methods, "read_early_data", true)
  if methods.feed then decide_first(methods, "unwrap", false) end  -- a socket's is Lua

  function methods.read(self, nbytes)
    local fine, data, err = pcall(read, self, nbytes)
    if not fine then relay(2, ":read", false, data) end
    while err == PENDING do
      local done
      done, err = go_on(self, true)
      if not done then return nil, err end
      data, err = read(self, nbytes, PENDING)
    end
    return data, err
  end

  function methods.receive(self, pattern, prefix)
    local fine, data, err, partial = pcall(receive, self, pattern, prefix)
    if not fine then relay(2, ":receive", false, data) end
    while err == PENDING do
      local done
      done, err = go_on(self, false)
      if not done then return nil, err, partial end
      data, err, partial = receive(self, pattern, prefix, PENDING)
    end
    return data, err, partial
  end

  function methods.send(self, data, first, last)
    local fine, sent, err, partial = pcall(send, self, data, first, last)
    if not fine then relay(2, ":send", false, sent) end
    while err == PENDING do
      local done
      done, err = go_on(self, false)
      if not done then return nil, err, partial end
      sent, err, partial = send(self, data, first, last, PENDING)
    end
    return sent, err, partial
  end

  function methods.write(self, data)
    local fine, written, err, partial = pcall(write, self, data)
    if not fine then relay(2, ":write", false, written) end
    while err == PENDING do
      local done
      done, err = go_on(self, true)
      if not done then return nil, err, partial end
      written, err, partial = write(self, data, PENDING)
    end
    return written, err, partial
  end
end

return hooks
