-- The examples of the reference, @usage: each is run, and calls what it is the
-- example of. The things that they use are in spec/support/usages.lua.
local core = require "luassl.core"
local docstrings = require "doc.reference.docstrings"
local helpers = require "spec.support.helpers"
local https = require "luassl.https"
local names = require "doc.reference.names"
local socket = require "socket"
local ssl = require "luassl"
local usages = require "spec.support.usages"

helpers.audit()

local pages, described = docstrings.read()

-- ---- servers, one for each use

local ports = {}

ports.web = usages.web_server

local function proxy(tls)
  local peer = helpers.spawn {"python3", "spec/support/connect_proxy.py", tls, "HTTP/1.1 200 fine\\r\\n\\r\\n"}
  return tonumber(peer:expect "port (%d+)\n")
end
function ports.proxy() return proxy "" end
function ports.tls_proxy() return proxy(helpers.file "rsa.pem") end

-- ---- running

local function load_in(code, env)
  if setfenv then return setfenv(assert(loadstring(code, "=usage")), env) end
  return assert(load(code, "=usage", "t", env))
end

-- Runs the code: its results, and the functions that were called meanwhile.
local function run(code, env)
  local called = {}
  local chunk = load_in(code, env)
  if jit then jit.off() end
  debug.sethook(function()
    called[debug.getinfo(2, "f").func] = true
  end, "c")
  local done, result = pcall(chunk)
  debug.sethook()
  if jit then jit.on() end
  assert(done, result)
  return result, called
end

-- What an example needs besides: name = a function of its environment.
local PREPARED = {}

local function with_server(env) env.wants_server = true end
for _, name in ipairs {"set", "reload", "set_ticket_keys", "new_ticket_key"} do PREPARED[name] = with_server end

PREPARED["SSLStream.verify_client_post_handshake"] = function(env) env.is_exchange = true end
PREPARED["SSLStream.key_update"] = PREPARED["SSLStream.verify_client_post_handshake"]

function PREPARED.unwrap(env)
  rawset(env, "conn", (usages.connect(env, {lines = 0})))
end

function PREPARED.bind(env)
  rawset(env, "conn", assert(ssl.SSLContext():wrap_socket(socket.tcp())))
  env.hold(env.conn)
end

-- A server's connection, whose client sends a request and can show a certificate.
function PREPARED.verify_client_post_handshake(env)
  local context = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem",
    ca_certs = helpers.file "root.crt"})
  local listener = assert(context:wrap_socket(assert(socket.bind("127.0.0.1", 0)), {server_side = true}))
  local _, port = listener:getsockname()
  usages.far_client(port)
  rawset(env, "conn", assert(listener:accept()))
  env.conn:settimeout(10)
  listener:close()
  env.hold(env.conn)
end

PREPARED["SSLStream.unwrap"] = function(env)
  repeat until env.stream:receive "*l" == "end"
end

local function with_client(env)
  rawset(env, "client", https.client {timeout = 10})
  env.hold(env.client)
end
PREPARED["HTTPSClient.close"], PREPARED["HTTPSClient.request"] = with_client, with_client

function PREPARED.find(env) assert(env.err) end

function PREPARED.write_early_data(env)
  rawset(env, "earlier", env.session)
end

function PREPARED.wrap_fd(env)
  with_server(env)
  local listener = assert(socket.bind("127.0.0.1", 0))
  local _, port = listener:getsockname()
  usages.far_client(port)
  env.fd = listener:getfd()
  listener:setfd(-1)
end

-- ---- the examples

local function entry_value(page, name)
  return names.of(ssl, core)[page][name]
end

local function each_entry(use)
  local seen = {}
  for _, page in ipairs(pages) do
    for _, group in ipairs(page.groups) do
      for _, block in ipairs(group.entries) do
        local code = docstrings.tag(block, "usage")
        if code and not seen[block] then use(page.name, block, code) end
        seen[block] = true
      end
    end
  end
end

-- The pages on which the docstring stands.
local function pages_of(block)
  local list = {}
  for _, page in ipairs(pages) do
    if page.entries[block.name] == block then list[#list + 1] = page.name end
  end
  return list
end

local function check(page, block, code)
  local env = usages.environment {ports = ports, wants_server = false, is_exchange = false}
  local prepare = PREPARED[page .. "." .. block.name] or page ~= "SSLStream" and PREPARED[block.name]
  if prepare then prepare(env) end
  code = usages.localize(code, ports)
  if rawget(env, "fd") then code = code:gsub("wrap_fd%(3%)", ("wrap_fd(%d)"):format(env.fd)) end
  if not (loadstring or load)(code) then code = "return " .. code end
  local _, called = run(code, env)
  env.release()
  collectgarbage()
  if block.type ~= "function" then return end
  local is_called = false
  for _, name in ipairs(pages_of(block)) do is_called = is_called or called[entry_value(name, block.name)] end
  assert(is_called, "its example does not call it")
end

-- ---- hooks: each is called in a handshake

-- A handshake of two contexts, and some data, so that sessions come over.
local function shake(client, server)
  local near = assert(client:wrap_object {server_hostname = "localhost"})
  local far = assert(server:wrap_object {server_side = true})
  local done, theirs, ours = helpers.handshake(near, far)
  if done then
    assert(far:write "hello")
    helpers.pump(near, far)
    near:read(5)
  end
  near:close()
  far:close()
  return done, theirs or ours
end

local function with_rsa(options)
  options.certfile = options.certfile or options.server_side and helpers.file "rsa.pem" or nil
  options.ca_certs = options.ca_certs or helpers.file "root.crt"
  return options
end

-- `ssl` whose contexts count what their function `name` is called.
local function counting(name, count)
  local function counted(make)
    return function(options)
      local hook = options[name]
      if hook then
        options[name] = function(...)
          count()
          return hook(...)
        end
      end
      return make(with_rsa(options))
    end
  end
  return setmetatable({SSLContext = counted(ssl.SSLContext),
    create_default_context = counted(ssl.create_default_context)}, {__index = ssl})
end

local function context_of(env, name, code)
  local result = run(code .. "\nreturn context", env)
  local hook = rawget(env, name)
  if not hook then return result end
  local is_store = name:find "_session$" and name ~= "on_session"
  local options = {[name] = hook, server_side = is_store}
  if is_store then
    local store = {}
    options.get_session = options.get_session or function(_, id) return store[id] end
    options.put_session = options.put_session or function(_, id, bytes) store[id] = bytes end
    options.remove_session = options.remove_session or function(_, id) store[id] = nil end
  end
  return env.ssl.SSLContext(options)
end

local function check_hook(block, code)
  local calls = 0
  local env = usages.environment {ports = ports, wants_server = false, is_exchange = false,
    ssl = counting(block.name, function() calls = calls + 1 end)}
  local context = assert(context_of(env, block.name, usages.localize(code, ports)))
  local is_server = context:get "server_side"
  local peer = assert(ssl.SSLContext(with_rsa {server_side = not is_server, session_cache = is_server or nil,
    cert_reqs = is_server and ssl.CERT_REQUIRED or ssl.CERT_OPTIONAL}))
  for _ = 1, 2 do  -- the second may resume what the first has made
    local done, err
    if is_server then done, err = shake(peer, context) else done, err = shake(context, peer) end
    assert(done, tostring(err))
  end
  env.release()
  assert(calls > 0, "the hook of its example is not called")
end

-- ---- options: a table that a context takes, or a connection

-- What may be missing: a token, an algorithm.
local EXCUSED = {
  key_uri = "key_uri", certificate_compression = "certificate_compression", certificate_types = "certificate_types",
  peer_certificate_types = "certificate_types", peer_public_keys = "certificate_types",
}

local rows = {}
for _, row in ipairs(core.options) do rows[row.name] = row end

local function check_option(name, code)
  local env = usages.environment {ports = ports, wants_server = false, is_exchange = false}
  local options = run("return " .. usages.localize(code, ports), env)
  assert(options[name] ~= nil, "its example does not name it")
  local context = assert(ssl.SSLContext(with_rsa {cert_reqs = ssl.CERT_REQUIRED}))
  local made, err
  if rows[name].context then made, err = ssl.SSLContext(options)
  else
    made, err = context:wrap_object(options)
    env.hold(made)
  end
  env.release()
  if not made and EXCUSED[name] then assert.matches(EXCUSED[name], tostring(err), nil, true)
  else assert(made, tostring(err)) end
end

describe("an example", function()
  local poll = pages.ssl.entries.poll

  local function refuses(text, ...)
    local done, err = pcall(...)
    assert.is_false(done)
    assert.matches(text, err, nil, true)
  end

  it("has to call what it is the example of", function()
    refuses("does not call it", check, "ssl", poll, "local poll = ssl.poll")
    refuses("is not called", check_hook, pages.Hooks.entries.on_session,
      "local context = ssl.SSLContext { on_verify = function() end }")
    refuses("does not name it", check_option, "timeout", "{handshake_timeout = 5}")
  end)

  it("must not fail", function()
    refuses("attempt to", check, "ssl", poll, "ssl.poll({}, {}, 0).x.y = 1")
    refuses("unknown option", check_option, "timeout", "{timeout = 5, no_option = 1}")
    refuses("does not have: nobody", check, "ssl", poll, "ssl.poll({nobody})")
  end)
end)

describe("the examples of the reference", function()
  after_each(helpers.stop_all)

  each_entry(function(page, block, code)
    it(("run: %s, %s"):format(page, block.name), function()
      if page == "Hooks" then check_hook(block, code) else check(page, block, code) end
    end)
  end)

  for _, row in ipairs(core.options) do
    local name, code = row.name, docstrings.tag(described[row.name], "usage")
    if code then
      it("run: option " .. name, function() check_option(name, code) end)
    end
  end
end)
