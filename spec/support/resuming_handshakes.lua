--- One handshake after another, over byte strings: sessions, what a
-- ClientHello offers, and what became of either.
local busted = require "busted"
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

local resuming = {}

local function merge(given, defaults)
  local merged = {}
  for name, value in pairs(defaults) do merged[name] = value end
  for name, value in pairs(given or {}) do merged[name] = value end
  return merged
end

--- A client's context: it verifies the chain and the name.
function resuming.client(options)
  return assert(ssl.SSLContext(merge(options, {cert_reqs = ssl.CERT_REQUIRED,
    ca_certs = helpers.file "root.crt", check_hostname = true})))
end

--- A server's context, with the leaf "rsa".
function resuming.server(options)
  return assert(ssl.SSLContext(merge(options, {server_side = true,
    certfile = helpers.file "rsa.pem"})))
end

--- Two SSLObjects after their handshake; the client has read a byte and with
-- it the tickets.
-- `options` are the client's, `server_hostname` is "localhost".
-- @treturn[1] SSLObject client
-- @treturn[1] SSLObject server
-- @treturn[2] nil
-- @return[2] the client's error, nil if it has none
-- @return[2] the server's error, nil if it has none
function resuming.meet(client, server, options)
  local near = assert(client:wrap_object(
    merge(options, {server_hostname = "localhost"})))
  local far = assert(server:wrap_object())
  local done, near_error, far_error = helpers.handshake(near, far)
  if not done then
    resuming.part(near, far)
    return nil, near_error, far_error
  end
  assert(far:write ".")  -- the tickets go with it
  helpers.pump(near, far)
  assert(near:read(1) == ".")
  return near, far
end

--- Ends both with close_notify.
function resuming.part(near, far)
  near:close()
  helpers.pump(near, far)
  far:close()
end

--- The errors of both sides, which do not come together: the client's, which
-- may have to read for it, and the server's.
function resuming.fail(near_context, far_context)
  local near = assert(near_context:wrap_object {server_hostname = "localhost"})
  local far = assert(far_context:wrap_object())
  local done, near_error, far_error = helpers.handshake(near, far)
  assert(not done, "the handshake was done")
  if not near_error then near_error = select(2, near:read(1)) end
  resuming.part(near, far)
  return near_error, far_error
end

--- The session of a connection that has begun and ended well.
function resuming.session(client, server, options)
  local near, far = resuming.meet(client, server, options)
  assert(near, far)
  local session = assert(near:session(), "there is no session")
  resuming.part(near, far)
  return session
end

--- Whether the next connection between them resumes a session.
function resuming.reuses(client, server, options)
  local near, far = resuming.meet(client, server, options)
  assert(near, far)
  local reused = near:session_reused()
  assert(reused == far:session_reused(), "both sides have to agree")
  resuming.part(near, far)
  return reused
end

local function number(bytes, first, width)
  local value = 0
  for i = first, first + width - 1 do value = value * 256 + bytes:byte(i) end
  return value
end

-- A vector behind its length, and where the next thing begins.
local function vector(bytes, first, width)
  local size = number(bytes, first, width)
  local start = first + width
  return bytes:sub(start, start + size - 1), start + size
end

--- The extensions of the ClientHello that these bytes begin with, RFC 8446,
-- 4.1.2: {number = bytes}.
function resuming.extensions(bytes)
  assert(bytes:byte(1) == 22 and bytes:byte(6) == 1, "this is no ClientHello")
  local _, position = vector(bytes, 44, 1)  -- the session's id
  _, position = vector(bytes, position, 2)
  _, position = vector(bytes, position, 1)
  local list, found, first = vector(bytes, position, 2), {}, 1
  while first < #list do
    local kind = number(list, first, 2)
    found[kind], first = vector(list, first + 2, 2)
  end
  return found
end

local SESSION_TICKET, PRE_SHARED_KEY = 35, 41

--- Whether the ClientHello in these bytes offers a session to resume.
function resuming.is_offer(bytes)
  local found = resuming.extensions(bytes)
  local ticket = found[SESSION_TICKET]
  return found[PRE_SHARED_KEY] ~= nil or ticket ~= nil and #ticket > 0
end

--- Whether a new connection of the context would offer a session.
function resuming.offers(client, options)
  local near = assert(client:wrap_object(
    merge(options, {server_hostname = "localhost"})))
  local done, err = near:do_handshake()
  assert(done == nil and err == "wantread", err)
  local bytes = near:drain()
  near:close()
  return resuming.is_offer(bytes)
end

--- The pin of a certificate's public key, a file of the test PKI.
function resuming.pin(name)
  local path = helpers.temp_name()
  local peer = helpers.spawn {"sh", "-c", ("openssl x509 -in '%s' -noout "
    .. "-pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 "
    .. "-binary | base64 >%s"):format(helpers.file(name), path)}
  assert(peer:wait() == 0, peer:output())
  return "sha256//" .. helpers.read_file(path):gsub("%s", "")
end

-- How a context is chosen: each puts `chosen` in the options of the first.
local WAYS = {
  ["server_names"] = function(first, chosen)
    first.server_names = {localhost = chosen}
  end,
  ["on_client_hello"] = function(first, chosen)
    first.on_client_hello = function() return chosen end
  end,
  ["on_client_hello, in a table,"] = function(first, chosen)
    first.on_client_hello = function() return {context = chosen} end
  end,
}

--- For each way to choose a context, a case whose `body` gets
-- choose(first, chosen): both are options of a server, the result a context.
function resuming.each_way(name, body)
  for way, put in pairs(WAYS) do
    busted.it(("by %s: %s"):format(way, name), function()
      body(function(first, chosen)
        local options = {}
        for key, value in pairs(first) do options[key] = value end
        put(options, resuming.server(chosen))
        return resuming.server(options)
      end)
    end)
  end
end

local preload

local function run(...)
  local peer = helpers.spawn {...}
  assert(peer:wait(60) == 0, peer:output())
end

--- The path of spec/support/preload.c's library, built once.
function resuming.preloaded()
  if preload then return preload end
  local path = helpers.temp_name() .. ".so"
  run(os.getenv "CC" or "cc", "-shared", "-fPIC", "-o", path,
    "spec/support/preload.c", "-Wl,--no-as-needed", "-lssl", "-lcrypto", "-ldl")
  preload = path
  return path
end

-- What the scripts of `elsewhere` begin with.
local PROLOGUE = [[
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local ssl = require "luassl"
local file = helpers.file
local function advance(seconds)
  local clock = assert(io.open(os.getenv "LUASSL_CLOCK", "w"))
  clock:write(("%d\n"):format(seconds))
  clock:close()
end
]]

--- Runs `code` in a process of its own under spec/support/preload.c. It has
-- `ssl`, `helpers`, `file`, `resuming`, and `advance(seconds)`, which sets the
-- clock that many seconds ahead.
-- @tparam string code
-- @tparam[opt] table env variables that spec/support/preload.c looks for
-- @treturn string what it printed
function resuming.elsewhere(code, env)
  local scratch = helpers.temp_name()  -- names of files begin anew there
  run("mkdir", scratch)
  local peer = helpers.spawn(
    {helpers.interpreter, helpers.temp_file(PROLOGUE .. code)},
    {env = merge(env, {LD_PRELOAD = resuming.preloaded(), LUASSL_TMP = scratch,
      LUASSL_CLOCK = helpers.temp_file "0\n"})})
  local status = peer:wait()
  assert(status == 0, peer:output())
  return helpers.without_sanitizer(peer:output())
end

return resuming
