-- The lives of oom.lua in which Lua decides: hooks, contexts by name, pins and
-- sessions. Whatever fails, nobody comes in whom a hook, a pin or the context
-- of the client's name keeps out.
local ssl = require "luassl"

local again, ended, spare = again, ended, spare  -- luacheck: ignore

local RIGHT = {server_hostname = "localhost"}
local OTHER_PIN = "sha256//" .. ("A"):rep(43) .. "="

local tools  -- what oom.lua has for all lives
local must, same, handshake, pump, failing

local lives = {}

local function file(name)
  return os.getenv "LUASSL_PKI" .. "/" .. name
end

local function text_of(name)
  local f = assert(io.open(file(name)))
  local text = f:read "*a"
  f:close()
  return text
end

local CLIENT_CERTIFICATE = {cert = text_of "client.pem", key = text_of "client.key"}
local PIN = spare(function()
  local f = assert(io.popen("openssl x509 -in " .. file "rsa.crt"
    .. " -pubkey -noout | openssl pkey -pubin -outform der"
    .. " | openssl dgst -sha256 -binary | openssl base64"))
  local pin = "sha256//" .. f:read "*l"
  f:close()
  return pin
end)

local function make(options)
  return must(again(ssl.SSLContext, options))
end

local function wrap_made(made, options)
  return must(again(made.wrap_object, made, options))
end

-- Handshakes of two contexts' objects, which may be refused if memory fails.
local function meet(client_context, server_context, options)
  local client = wrap_made(client_context, options)
  local server = wrap_made(server_context)
  return client, server, handshake(client, server, pump)
end

-- Who has to come in, unless memory failed in a hook: that refuses.
local function expect(done, err)
  if not done and failing() ~= "" and type(err) ~= "string" then error(ended, 0) end
  must(done, err)
end

local function peer_name(connection)
  local certificate = must(again(connection.peer_certificate, connection))
  return again(tostring, certificate)
end

-- All hooks on both sides, the context chosen by one of them.
function lives.hooks()
  local asked = {}
  local function note(name, certificate)
    return function(_, facts)
      asked[#asked + 1] = name
      if name == "on_client_hello" and facts.server_name ~= "localhost" then
        error("another name: " .. tostring(facts.server_name), 0)
      end
      if name == "on_verify" and not facts.certificate then
        error("a certificate went missing", 0)
      end
      return certificate
    end
  end
  local chosen = make {server_side = true, certfile = file "rsa.pem",
    ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED,
    on_certificate = note "on_certificate", on_verify = note "on_verify"}
  local server_context = make {server_side = true,
    certfile = file "other.pem", on_client_hello = function(connection, facts)
      note "on_client_hello"(connection, facts)
      return {context = chosen}
    end}
  local client_context = make {ca_certs = file "root.crt",
    cert_reqs = ssl.CERT_REQUIRED, check_hostname = true,
    on_certificate = note("on_certificate", CLIENT_CERTIFICATE),
    on_verify = note "on_verify"}
  local client, server, done, err = meet(client_context, server_context, RIGHT)
  expect(done, err)
  if failing() == "" and #asked ~= 5 then error("not all were asked", 0) end
  same("server's certificate", peer_name(client))
  same("client's certificate", peer_name(server))
  tools.lines(client, server, pump)
end

-- By name: the private context wants certificates, and this client has none.
function lives.names_keep_out()
  local private = make {server_side = true, certfile = file "rsa.pem",
    ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED,
    maximum_version = "TLSv1.2"}
  local server_context = make {server_side = true,
    certfile = file "rsa.pem", server_names = {localhost = private}}
  local client_context = make {ca_certs = file "root.crt",
    cert_reqs = ssl.CERT_REQUIRED, check_hostname = true}
  local client, server, done = meet(client_context, server_context, RIGHT)
  if done or again(server.version, server) then
    error("a client without a certificate came in", 0)
  end
  if again(client.read, client) then error("and was answered", 0) end
end

-- By name: its certificate, versions and protocols, whatever fails.
function lives.names()
  local private = make {server_side = true, certfile = file "rsa.pem",
    maximum_version = "TLSv1.2", alpn_protocols = {"private"}}
  local server_context = make {server_side = true, certfile = file "other.pem",
    alpn_protocols = {"public"}, server_names = {["localhost"] = private}}
  local client_context = make {alpn_protocols = {"public", "private"}}
  local client, server, done, err = meet(client_context, server_context, RIGHT)
  expect(done, err)
  same("certificate", peer_name(client))
  same("version", again(client.version, client))
  same("protocol", again(server.selected_alpn_protocol, server))
  same("name", again(server.server_hostname, server))
end

-- A hook refuses one who has a good certificate.
function lives.hooks_keep_out()
  for _, side in ipairs {"client", "server"} do
    local refuse_all = function() return nil, "bad_certificate" end
    local server_context = make {server_side = true,
      certfile = file "rsa.pem", ca_certs = file "root.crt",
      cert_reqs = ssl.CERT_OPTIONAL, maximum_version = "TLSv1.2",
      on_verify = side == "server" and refuse_all or nil}
    local client_context = make {certfile = file "client.pem",
      on_verify = side == "client" and refuse_all or nil}
    local client, server, done = meet(client_context, server_context, RIGHT)
    if done then error("the refusal of the " .. side .. " was lost", 0) end
    local refuser = side == "client" and client or server
    if again(refuser.version, refuser) then error("it is connected", 0) end
    if again(refuser.send, refuser, "x") then error("it sends", 0) end
  end
end

-- What only a hook accepts.
function lives.accepted()
  local client_context = make {ca_certs = file "other-root.crt",
    cert_reqs = ssl.CERT_REQUIRED, on_verify = function(_, facts)
      if facts.verified then error("it verified what nothing verifies", 0) end
      return ssl.ACCEPT_UNVERIFIED
    end}
  local client, _, done, err = meet(client_context,
    make {server_side = true, certfile = file "rsa.pem"}, RIGHT)
  expect(done, err)
  same("shown", again(client.getpeercert, client))
  same("verdict", again(client.verify_result, client))
end

function lives.pins()
  local server_context = make {server_side = true, certfile = file "rsa.pem",
    maximum_version = "TLSv1.2"}
  local good = make {ca_certs = file "root.crt", pins = {PIN, OTHER_PIN},
    cert_reqs = ssl.CERT_REQUIRED}
  local _, _, done, err = meet(good, server_context, RIGHT)
  if not done and failing() == "OpenSSL" then error(ended, 0) end
  must(done, err)
  local bad = make {ca_certs = file "root.crt", pins = {OTHER_PIN},
    cert_reqs = ssl.CERT_REQUIRED}
  for _ = 1, 2 do
    local client, _, accepted = meet(bad, server_context, RIGHT)
    if accepted or again(client.version, client) then
      error("a key without a pin was accepted", 0)
    end
  end
end

-- One session each way, never to another name, and never past a refusal.
local function sessions(version)
  local refused
  local server_context = make {server_side = true, certfile = file "names.pem",
    maximum_version = version}
  local client_context = make {ca_certs = file "root.crt", session_cache = true,
    cert_reqs = ssl.CERT_REQUIRED, on_verify = function(_, facts)
      if not facts.certificate then error("a certificate went missing", 0) end
      if refused then return nil, "bad_certificate" end
    end}
  local session
  for i, name in ipairs {"localhost", "localhost", "other.example"} do
    local client, server, done, err = meet(client_context, server_context,
      {server_hostname = name, session = session})
    expect(done, err)
    local resumed = again(client.session_reused, client)
    if resumed and i == 3 then error("resumed with another name", 0) end
    if failing() == "" and resumed ~= (i == 2) then error("not resumed", 0) end
    tools.transfer(server, client, "ticket", pump)
    session = again(client.session, client) or session
    tools.closing(server, client, pump)
  end
  refused = true
  local client, _, done = meet(client_context, server_context, RIGHT)
  if done or again(client.version, client) then
    error("a session passed the hook", 0)
  end
end

function lives.sessions() return sessions "TLSv1.3" end
function lives.sessions_1_2() return sessions "TLSv1.2" end

local ANYONE = {ca_certs = file "root.crt", cert_reqs = ssl.CERT_REQUIRED, check_hostname = true}

-- A server that asks behind the handshake, once both are done; the client has
-- a certificate, by its hook.
local function meet_later(on_verify)
  local options = {post_handshake_auth = true, on_certificate = function() return CLIENT_CERTIFICATE end}
  for name, value in pairs(ANYONE) do options[name] = value end
  local client, server, done, err = meet(make(options), make {server_side = true, certfile = file "rsa.pem",
    ca_certs = file "root.crt", post_handshake_auth = true, on_verify = on_verify}, RIGHT)
  expect(done, err)
  must(again(server.verify_client_post_handshake, server))
  if again(server.authenticated_by, server) then error("it knows already", 0) end
  return client, server
end

-- Asked in reads: known is who was asked about, and nobody before.
function lives.post_handshake()
  local asked = 0
  local client, server = meet_later(function(_, facts)
    if not facts.certificate then error("a certificate went missing", 0) end
    asked = asked + 1
  end)
  tools.lines(server, client, pump)
  tools.lines(client, server, pump)
  if asked ~= 1 then error("the hook was not asked", 0) end
  same("how", again(server.authenticated_by, server))
  same("who", peer_name(server))
  must(again(server.key_update, server, true))
  tools.lines(server, client, pump)
  tools.closing(client, server, pump)
end

-- Refused in a read: nothing behind it is given out.
function lives.post_handshake_keeps_out()
  local client, server = meet_later(function() return nil, "bad_certificate" end)
  tools.lines(server, client, pump)
  must(again(client.send, client, "secret"))
  pump(client, server)
  for _ = 1, 3 do
    local data, _, partial = again(server.receive, server, 6)
    if data or partial ~= "" then error("the refusal was lost", 0) end
    if again(server.authenticated_by, server) then error("it is known", 0) end
  end
end

-- Suspended, then abandoned: the connection is closed, or is not.
function lives.abandoned_hooks()
  for _, hook in ipairs {"on_client_hello", "on_certificate", "on_verify"} do
    local server_context = make {server_side = true,
      certfile = file "rsa.pem", ca_certs = file "root.crt",
      cert_reqs = ssl.CERT_REQUIRED, [hook] = coroutine.yield}
    local client = wrap_made(make {certfile = file "client.pem"}, RIGHT)
    local server = wrap_made(server_context)
    again(client.do_handshake, client)
    pump(client, server)
    local thread = again(coroutine.create, server.do_handshake)
    for _ = 1, 5 do
      local fine, first = again(coroutine.resume, thread, server)
      if not fine and failing() == "" then error(first, 0) end
      if coroutine.status(thread) ~= "dead" then break end
      pump(client, server)
      again(client.do_handshake, client)
      pump(client, server)
      thread = again(coroutine.create, server.do_handshake)
    end
    if again(server.version, server) then error("it is connected", 0) end
    if hook ~= "on_certificate" then again(server.close, server) end
  end
end

-- The lives; `given` are oom.lua's functions.
return function(given)
  tools = given
  must, same, handshake = given.must, given.same, given.handshake
  pump, failing = given.pump, given.failing
  return lives
end
