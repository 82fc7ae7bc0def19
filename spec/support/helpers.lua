--- What the specs share: certificates, peers in other processes, connected
-- pairs, and the audit of what a spec file leaves behind.
--
-- Run through `make test` (spec/support/run.sh), which makes the certificates,
-- the directory for temporary files and the system trust of the run: only
-- `root.crt` is trusted by default.
local audit = require "luassl_audit"
local process = require "luassl_process"
local busted = require "busted"
local socket = require "socket"

local unpack = table.unpack or unpack

local helpers = {
  patience = 10,  -- seconds for whatever must happen, on a slow machine too
  interpreter = assert(os.getenv "LUASSL_LUA", "run the specs by 'make test'"),
}

local scratch = os.getenv "LUASSL_TMP"
local pki = os.getenv "LUASSL_PKI"

--- Files ------------------------------------------------------------------

--- The path of a file of the test PKI, `"rsa.pem"`; spec/support/pki.sh lists
-- them.
function helpers.file(name)
  return pki .. "/" .. name
end

function helpers.read_file(path)
  local file = assert(io.open(path, "rb"))
  local content = file:read "*a"
  file:close()
  return content
end

function helpers.write_file(path, content)
  local handle = assert(io.open(path, "wb"))
  assert(handle:write(content))
  assert(handle:close())
end

-- busted loads this anew for each spec file; the names go on.
local registry = debug.getregistry()

--- A new path in the run's scratch directory, which goes when the run ends.
function helpers.temp_name()
  registry.luassl_names = (registry.luassl_names or 0) + 1
  return ("%s/%d"):format(scratch, registry.luassl_names)
end

--- A new file with that content; its path.
function helpers.temp_file(content)
  local path = helpers.temp_name()
  local file = assert(io.open(path, "wb"))
  file:write(content)
  file:close()
  return path
end

--- Peers in other processes -----------------------------------------------

local Process = {}
Process.__index = Process

local running = {}

--- What LD_PRELOAD was: a sanitizer, which our module needs. It is unset, for
-- other programs hang in one.
registry.luassl_preloaded = registry.luassl_preloaded or os.getenv "LD_PRELOAD"
helpers.preloaded = registry.luassl_preloaded
process.setenv("LD_PRELOAD", nil)

-- Words for `env`: what the program's environment has besides ours.
local function settings(argv, env)
  local words = {}
  for name, value in pairs(env or {}) do words[name] = value end
  if helpers.preloaded and argv[1] == helpers.interpreter then
    words.LD_PRELOAD = helpers.preloaded .. " " .. (words.LD_PRELOAD or "")
  end
  local list = {}
  for name, value in pairs(words) do list[#list + 1] = name .. "=" .. value end
  return list
end

local function append(list, more)
  for _, item in ipairs(more or {}) do list[#list + 1] = tostring(item) end
  return list
end

--- Starts a program that ends by itself: after `timeout` seconds, or when
-- this process does. It inherits no descriptor.
-- @tparam table argv program and arguments
-- @tparam[opt] table options `input`: a string, or true to `write` later;
--   `directory`; `env`: a table of variables; `timeout` (300 s: one
--   that serves a whole file lives as long on a machine that is busy)
function helpers.spawn(argv, options)
  options = options or {}
  local command = {"timeout", "-k", "1", tostring(options.timeout or 300), "env"}
  append(append(command, settings(argv, options.env)), argv)
  local self = setmetatable({argv = argv, file = helpers.temp_name()}, Process)
  self.pid, self.input = process.spawn(command, self.file,
    options.directory or ".", options.input ~= nil)
  running[self] = true
  if type(options.input) == "string" then
    self:write(options.input)
    self:close_input()
  end
  return self
end

--- Everything it printed so far, on both streams.
function Process:output()
  local file = io.open(self.file, "rb")
  if not file then return "" end  -- it did not come that far
  local text = file:read "*a"
  file:close()
  return text
end

--- What a program printed without what AddressSanitizer said in it, which knows
-- nothing of the stacks that OpenSSL's jobs have.
function helpers.without_sanitizer(text)
  return (text:gsub("==%d+==WARNING: ASan is ignoring requested __asan_handle_no_return.-issues/189\n", ""))
end

function Process:write(bytes)
  return process.write(self.input, bytes)
end

function Process:close_input()
  if self.input then process.close(self.input) end
  self.input = nil
end

--- The exit status, or nil while it runs: waits up to `seconds` (0).
function Process:status(seconds)
  if not self.ended then
    self.ended = process.wait(self.pid, seconds or 0)
    if self.ended then
      running[self] = nil
      self:close_input()
    end
  end
  return self.ended
end

function Process:complain(what)
  local program = table.concat(self.argv, " ")
  self:stop()
  error(("%s: %s; it printed:\n%s"):format(program, what, self:output()), 3)
end

--- Its exit status (124: its time was up), once it has ended; raises when
-- that takes longer than `seconds`.
function Process:wait(seconds)
  return self:status(seconds or helpers.patience) or self:complain "still runs"
end

--- Waits until its output has a match of `pattern`: the captures.
function Process:expect(pattern, seconds)
  local deadline = socket.gettime() + (seconds or helpers.patience)
  while true do
    local ended = self:status()
    local found = {self:output():match(pattern)}
    if found[1] then return unpack(found) end
    if ended then self:complain(("no %q, status %d"):format(pattern, ended)) end
    if socket.gettime() > deadline then
      self:complain(("no %q in time"):format(pattern))
    end
    socket.sleep(0.002)
  end
end

--- Sends "TERM", "KILL", "STOP" or "CONT" to the `timeout` around it.
function Process:signal(name)
  return process.kill(self.pid, name)
end

--- Ends it, whatever it does.
function Process:stop()
  if self:status() then return end
  self:close_input()
  self:signal "TERM"
  if not self:status(3) then
    self:signal "KILL"
    self:status(3)
  end
end

function helpers.stop_all()
  for peer in pairs(running) do peer:stop() end
end

--- `openssl s_server` with the leaf `options.cert` ("rsa"), ready, on `port`.
-- Its input is open: `write` speaks to the client. `options.www` is a
-- directory to serve by HTTP, `options.arguments` go to the program,
-- `options.host` is an address, "127.0.0.1" or "[::1]".
function helpers.s_server(options)
  options = options or {}
  local name = options.cert or "rsa"
  local argv = {"openssl", "s_server",
    "-accept", (options.host or "127.0.0.1") .. ":0",
    "-cert", helpers.file(name .. ".crt"), "-key", helpers.file(name .. ".key"),
    "-nameopt", "oneline"}
  if name == "chained" then
    append(argv, {"-cert_chain", helpers.file "intermediate.crt"})
  end
  if options.www then argv[#argv + 1] = "-WWW" end
  local peer = helpers.spawn(append(argv, options.arguments),
    {input = true, directory = options.www, env = options.env,
      timeout = options.timeout})
  peer.port = tonumber(peer:expect "ACCEPT [^\n]-:(%d+)\n")
  return peer
end

--- `openssl s_client` to a port of 127.0.0.1, verifying; its input is open.
function helpers.s_client(port, options)
  options = options or {}
  local argv = {"openssl", "s_client", "-connect", "127.0.0.1:" .. port,
    "-servername", "localhost", "-verify_hostname", "localhost",
    "-verify_return_error", "-CAfile", helpers.file "root.crt",
    "-nameopt", "oneline"}
  return helpers.spawn(append(argv, options.arguments),
    {input = options.input or true, env = options.env,
      timeout = options.timeout})
end

--- spec/peers/server.py in a mode ("echo"), ready, on `port`; its options are
-- in `options.arguments`, the leaf in `options.cert` ("rsa").
function helpers.python_server(mode, options)
  options = options or {}
  local argv = {"python3", "spec/peers/server.py", "--mode", mode or "echo",
    "--cert", helpers.file((options.cert or "rsa") .. ".pem")}
  local peer = helpers.spawn(append(argv, options.arguments), options)
  peer.port = tonumber(peer:expect "ready (%d+)\n")
  return peer
end

--- spec/peers/client.py in a mode ("exchange") to a port, verifying.
function helpers.python_client(port, mode, options)
  options = options or {}
  local argv = {"python3", "spec/peers/client.py", port,
    "--mode", mode or "exchange", "--ca", helpers.file "root.crt"}
  return helpers.spawn(append(argv, options.arguments), options)
end

--- Another process of the same Lua that runs `code` with `...` as arguments.
function helpers.lua(code, ...)
  return helpers.spawn {helpers.interpreter, helpers.temp_file(code), ...}
end

--- A port that was free a moment ago: for peers that cannot choose one. It is
-- none of those that the system gives away, so nobody else comes upon it.
function helpers.free_port()
  for _ = 1, 100 do
    local port = 12000 + math.floor(socket.gettime() * 1e6) % 20000
    local listener = socket.bind("127.0.0.1", port)
    if listener then
      listener:close()
      return port
    end
  end
  error("no port is free", 2)
end

--- Waits until something accepts connections on a port of 127.0.0.1.
function helpers.wait_for_port(port)
  local deadline = socket.gettime() + helpers.patience
  repeat
    local probe = socket.connect("127.0.0.1", port)
    if probe then return probe:close() end
    socket.sleep(0.01)
  until socket.gettime() > deadline
  error(("nothing listens on port %d"):format(port), 2)
end

--- Connected pairs in this process ----------------------------------------

--- Two connected LuaSocket objects on loopback: client, server.
function helpers.sockets(host)
  local listener = assert(socket.bind(host or "127.0.0.1", 0))
  local address, port = listener:getsockname()
  local client = assert(socket.connect(address, port))
  local server = assert(listener:accept())
  listener:close()
  return client, server
end

--- Calls `use` with a tcp{client} object on the descriptor of an SSLSocket:
-- what TLS does not know of.
function helpers.raw(ssl_socket, use)
  local sock = socket.tcp()
  sock:settimeout(0)
  sock:connect("127.0.0.1", 0)  -- fails, and makes it a tcp{client}
  sock:close()
  sock:setfd(ssl_socket:getfd())
  local done, err = pcall(use, sock)
  sock:setfd(-1)
  assert(done, err)
end

local function options_of(given, defaults)
  local merged = {}
  for name, value in pairs(defaults) do merged[name] = value end
  for name, value in pairs(given or {}) do merged[name] = value end
  return merged
end

--- A client that verifies and a server with a certificate for localhost,
-- before their handshake.
-- @tparam[opt] table options `host`: the name that the client asks for
--   ("localhost"); `client`, `server`: options of the two contexts;
--   `over`: "object" (the default), or "socket", non-blocking
function helpers.pair(options)
  local ssl = require "luassl"
  options = options or {}
  local name = options.host or "localhost"
  local client = assert(ssl.SSLContext(options_of(options.client, {
    cert_reqs = ssl.CERT_REQUIRED, ca_certs = helpers.file "root.crt",
    check_hostname = true})))
  local server = assert(ssl.SSLContext(options_of(options.server, {
    server_side = true, certfile = helpers.file "rsa.pem"})))
  if options.over ~= "socket" then
    return assert(client:wrap_object {server_hostname = name}),
      assert(server:wrap_object {server_side = true})
  end
  local near, far = helpers.sockets()
  near:settimeout(0)
  far:settimeout(0)
  return assert(client:wrap_socket(near, {server_hostname = name})),
    assert(server:wrap_socket(far, {server_side = true}))
end

--- What fits into an SSLObject that nobody reads from.
helpers.FED_MAX = 128 * 1024

--- Carries the bytes that one SSLObject has for the other, as far as they fit
-- into it, at most `piece` at once; their number.
function helpers.carry(from, to, piece)
  local count = 0
  while true do
    local room = helpers.FED_MAX - to:buffered()
    local bytes = room > 0 and from:drain(math.min(room, piece or room))
    if not bytes then return count end
    count = count + #bytes
    to:feed(bytes)  -- lost when that side is closed, as in a network
  end
end

--- The same both ways.
function helpers.pump(one, other)
  return helpers.carry(one, other) + helpers.carry(other, one)
end

local function carry(client, server)
  if client.feed then return helpers.pump(client, server) end
  socket.select({client, server}, nil, 0.01)
end

--- Runs both handshakes to their ends.
-- @treturn[1] boolean true
-- @treturn[2] nil
-- @return[2] the client's error, nil if it has none
-- @return[2] the server's error, nil if it has none
function helpers.handshake(client, server)
  local sides, done, errors = {client, server}, {}, {}
  local deadline = socket.gettime() + helpers.patience
  local rounds = 20  -- for one side to hear of the other's failure
  repeat
    for i, side in ipairs(sides) do
      if not done[i] then
        local ok, err = side:do_handshake()
        local wants = err == "wantread" or err == "wantwrite"
        done[i] = ok or not wants
        if not ok and not wants then errors[i] = err end
      end
    end
    carry(client, server)
    if errors[1] or errors[2] then
      rounds = rounds - 1
      if done[1] and done[2] or rounds == 0 then
        return nil, errors[1], errors[2]
      end
    end
  until done[1] and done[2] or socket.gettime() > deadline
  assert(done[1] and done[2], "the handshake does not end")
  return true
end

--- The audit --------------------------------------------------------------

helpers.dirty_on_purpose = false

--- Leaves a foreign entry in OpenSSL's error queue, with `data`; the audit
-- knows.
function helpers.dirty(data)
  helpers.dirty_on_purpose = true
  audit.dirty(data)
end

--- Empties OpenSSL's error queue.
function helpers.clean()
  helpers.dirty_on_purpose = false
  audit.clean()
end

--- The newest code in OpenSSL's error queue, 0 when it is empty, and a text.
helpers.queue = audit.queue

--- What is alive now: pass it to `growth` later.
function helpers.snapshot()
  if jit then jit.flush() end  -- machine code holds the functions it is of
  for _ = 1, 3 do collectgarbage() end
  return {counts = audit.counts(), descriptors = audit.descriptors()}
end

local function size(map)
  local n = 0
  for _ in pairs(map) do n = n + 1 end
  return n
end

--- What is alive now and was not then: a list of descriptions.
function helpers.growth(before)
  local now, found = helpers.snapshot(), {}
  for name, count in pairs(now.counts) do
    local more = count - before.counts[name]
    if more > 0 then found[#found + 1] = ("%s: %d more"):format(name, more) end
  end
  local more = size(now.descriptors) - size(before.descriptors)
  if more > 0 then
    found[#found + 1] = ("descriptors: %d more"):format(more)
    for fd, target in pairs(now.descriptors) do
      if before.descriptors[fd] ~= target then
        found[#found + 1] = ("  %d is %s"):format(fd, target)
      end
    end
  end
  return found
end

--- `call` made to note in `found` when it leaves the error queue dirty.
local function watched(name, call, found)
  local function leave(before, ...)
    local code, text = audit.queue()
    if code ~= 0 and code ~= before then
      found[#found + 1] = debug.traceback(
        ("%s leaves %s in the error queue"):format(name, text), 2)
      helpers.clean()
    end
    return ...
  end
  return function(...)
    return leave(audit.queue(), call(...))
  end
end

--- Puts `watched` around every function of these tables, {name = table};
-- returns what undoes it.
function helpers.watch(tables, found)
  local originals = {}
  for name, methods in pairs(tables) do
    for key, value in pairs(methods) do
      if type(value) == "function" then
        originals[#originals + 1] = {methods, key, value}
      end
    end
    for _, original in ipairs(originals) do
      if original[1] == methods then
        methods[original[2]] =
          watched(name .. "." .. original[2], original[3], found)
      end
    end
  end
  return function()
    for _, original in ipairs(originals) do
      original[1][original[2]] = original[3]
    end
  end
end

local function method_tables()
  local core = require "luassl.core"
  return {
    luassl = require "luassl", SSLSocket = core.socket.methods,
    SSLObject = core.object.methods, SSLContext = core.context.methods,
    Certificate = core.certificate.methods,
  }
end

local function upvalue(call, name)
  for i = 1, math.huge do
    local found, value = debug.getupvalue(call, i)
    if found == name or not found then return value end
  end
end

--- Drops the contexts that `ssl.connect` keeps for its next call.
function helpers.forget_contexts()
  local kept = upvalue(upvalue(require "luassl.context_cache".get, "keep"), "kept")
  for i = #kept, 1, -1 do kept[i] = nil end
end

--- The first failed verification reads the system's trust anchors, which
-- stay: they are no leak of the file that happens to come first.
local function warm_up()
  local ssl = require "luassl"
  local context = assert(ssl.create_default_context())
  local client = assert(context:wrap_object {server_hostname = "localhost"})
  local _, server = helpers.pair {server = {
    certfile = helpers.file "untrusted.pem"}}
  helpers.handshake(client, server)
  client:close()
  server:close()
end

--- Audits the spec file that calls this, at its top: every method leaves
-- OpenSSL's error queue empty, and what the file made (SSL, SSL_CTX, X509,
-- descriptors) is gone when it ends. The file's own setup and teardown belong
-- into its `describe`, and variables that outlive a test are to be set to nil.
function helpers.audit()
  local found, before, unwatch = {}, nil, nil

  busted.setup(function()
    warm_up()
    unwatch = helpers.watch(method_tables(), found)
    before = helpers.snapshot()
  end)

  busted.after_each(function()
    local code, entry = audit.queue()
    if code ~= 0 and not helpers.dirty_on_purpose then
      found[#found + 1] = "left in the error queue by a test: " .. entry
    end
    helpers.clean()
    local text = table.concat(found, "\n")
    for i = #found, 1, -1 do found[i] = nil end
    assert(text == "", text)
  end)

  busted.teardown(function()
    helpers.stop_all()
    helpers.forget_contexts()
    unwatch()
    local grown = helpers.growth(before)
    helpers.clean()
    assert(not grown[1], "left alive by this file:\n"
      .. table.concat(grown, "\n"))
  end)
end

return helpers
