--- One program's world: what the seed drew for it, its contexts, its pair of
-- connections, the collector, the log, and which oracles complain.
local socket = require "socket"
local ssl = require "luassl"
local collector = require "spec.support.collector"
local helpers = require "spec.support.helpers"
local inside = require "spec.support.finalizer_inside"
local model = require "spec.programs.model"
local random = require "spec.programs.random"

local file = helpers.file

local World = {}
World.__index = World

--- Each can be left out by name: `make programs WITHOUT=reentry,index`; with
-- WITHOUT=all only a crash fails.
local ORACLES = {
  {"raise", "methods raise nothing"},
  {"queue", "OpenSSL's error queue is as it was after every method"},
  {"stream", "what is received is what was sent, in order, once"},
  {"whole", "all that was told as sent arrives where the end is a clean one"},
  {"end", "\"closed\" is told only of an end that somebody made"},
  {"index", "send's and write's indexes are in range and never fall"},
  {"taken", "(1) who is told that all was sent is told of no timeout"},
  {"handshake", "a handshake that nobody disturbs comes to its end, and data flows then"},
  {"refused", "nothing fails on a connection that nobody disturbs"},
  {"sticky", "a failed connection gives the same error again"},
  {"facts", "facts have the right types and values, of closed connections too"},
  {"conditions", "each method has its own names for \"not now\""},
  {"reentry", "(a) a call inside one of the same connection changes nothing and tells so"},
  {"suspended", "(b) others' calls answer a condition while a hook is suspended"},
  {"hook_io", "(b) a hook's own I/O on its connection is an error of kind \"state\""},
  {"waits", "a send that answers \"wantread\" wants to read"},
  {"hang", "a program ends in time"},
  {"growth", "no descriptor, SSL, SSL_CTX or X509 is left when it is over"},
}

--- What programs do that can be left out as well: ways to send, for which
-- "index" then stands in, and finalizers' calls inside of calls.
local HABITS = {"repeat", "cut", "giveup", "nested"}

-- ---- what the seed draws -------------------------------------------------------

local function draw_hooks(draw, names)
  local hooks = {}
  for _, name in ipairs(names) do hooks[name] = draw:chance(35) end
  return hooks
end

local function draw_plan(draw, kind)
  local drawn = draw:pick {"object", "socket"}  -- also where it is given: the rest stays the same
  local plan = {
    kind = kind or drawn,
    version = draw:pick {"TLSv1.2", "TLSv1.3"},
    rough = draw:chance(40),
    certified = draw:chance(40),
    client_hooks = draw_hooks(draw, {"on_certificate", "on_verify"}),
    server_hooks = draw_hooks(draw, {"on_client_hello", "on_certificate", "on_verify"}),
    chosen_hooks = draw_hooks(draw, {"on_certificate", "on_verify"}),
    choice = draw:pick {"none", "none", "server_names", "on_client_hello"},
    resumption = draw:pick {"none", "none", "session", "session_cache"},
    num_tickets = draw:pick {-1, -1, 0, 1, 5},
    transport = draw:pick {"tcp", "tcp", "unix"},
    narrow = draw:chance(60),
    held = draw:between(0, 50),
    collector = draw:pick {"mild", "restless", "at once", "generational"},
    finalizers = draw:pick {0, 10, 30, 60},
    steps = draw:between(30, 120),
    puts_off = draw:chance(50),
  }
  local asks = draw:pick {1, 2}
  plan.asks = asks == 1 and "CERT_OPTIONAL" or plan.certified and "CERT_REQUIRED" or "CERT_NONE"
  if plan.choice == "on_client_hello" then plan.server_hooks.on_client_hello = true end
  return plan
end

-- ---- contexts --------------------------------------------------------------------

-- Adds functions that come back to the world: `run_hook` is set by hooks.lua.
local function add_hooks(world, options, side, hooks)
  for name, present in pairs(hooks) do
    if present then
      options[name] = function(conn, facts) return world:run_hook(side, name, conn, facts) end
    end
  end
  return options
end

local function server_context(world, hooks, certificate, more)
  local plan = world.plan
  local options = add_hooks(world, {
    server_side = true, certfile = file(certificate), minimum_version = plan.version, maximum_version = plan.version,
    cert_reqs = ssl[plan.asks], ca_certs = plan.asks ~= "CERT_NONE" and file "root.crt" or nil,
    num_tickets = plan.num_tickets >= 0 and plan.num_tickets or nil, post_handshake_auth = plan.puts_off,
  }, "server", hooks)
  for key, value in pairs(more or {}) do options[key] = value end
  return assert(ssl.SSLContext(options))
end

-- No certificate whose signatures differ in length: a seed's program is to be
-- the same each time.
local function make_contexts(world)
  local plan, contexts = world.plan, {}
  contexts.client = assert(ssl.SSLContext(add_hooks(world, {
    cert_reqs = ssl.CERT_REQUIRED, check_hostname = true, ca_certs = file "root.crt",
    minimum_version = plan.version, maximum_version = plan.version,
    certfile = plan.certified and file "client.pem" or nil,
    session_cache = plan.resumption == "session_cache", post_handshake_auth = true,
  }, "client", plan.client_hooks)))
  if plan.choice ~= "none" then contexts.chosen = server_context(world, plan.chosen_hooks, "ed25519.pem") end
  contexts.server = server_context(world, plan.server_hooks, "rsa.pem",
    {server_names = plan.choice == "server_names" and {localhost = contexts.chosen} or nil})
  return contexts
end

-- A connection of before, to resume: its session, nil if there came none.
local function earlier(world)
  local client = assert(world.contexts.client:wrap_object {server_hostname = "localhost"})
  local server = assert(world.contexts.server:wrap_object {})
  assert(helpers.handshake(client, server))
  assert(server:write ".")
  helpers.pump(client, server)
  assert(client:read(1) == ".")
  local session = client:session()
  client:close()
  helpers.pump(client, server)
  server:close()
  return session
end

-- ---- the pair --------------------------------------------------------------------

local function unix_sockets(path)
  local unix = require "socket.unix"
  local make = type(unix) == "table" and unix.stream or unix
  local listener = assert(make())
  assert(listener:bind(path))
  assert(listener:listen(5))
  local near = assert(make())
  assert(near:connect(path))
  local far = assert(listener:accept())
  listener:close()
  os.remove(path)
  return near, far
end

local function sockets(plan, path)
  local near, far
  if plan.transport == "unix" then near, far = unix_sockets(path) else near, far = helpers.sockets() end
  for _, sock in ipairs {near, far} do
    sock:settimeout(0)
    if plan.narrow then pcall(sock.setoption, sock, "send-buffer-size", 4096) end  -- LuaSocket 3.0 does not know it
  end
  return near, far
end

local function open_pair(world)
  local contexts = world.contexts
  local options = {server_hostname = "localhost", session = world.session}
  if world.plan.kind == "object" then return contexts.client:wrap_object(options), contexts.server:wrap_object() end
  local near, far = sockets(world.plan, world.path)
  options.do_handshake_on_connect = false  -- unix sockets do not tell their timeout
  local wrap = world.plan.kind == "stream" and "wrap_stream" or "wrap_socket"
  local client, server = contexts.client[wrap](contexts.client, near, options),
    contexts.server[wrap](contexts.server, far, {do_handshake_on_connect = false})
  for _, conn in ipairs {client, server} do conn:settimeout(0) end
  return client, server, near, far
end

local function new_side(world, name, conn, below)
  return {
    name = name,
    conn = assert(conn),
    below = below,   -- the LuaSocket object that carries a stream
    stream = model.new(world.random:fork()),  -- what it sends
    wire = "",       -- what was drained for it and not yet fed
    calls = 0,       -- how many methods of it have begun and not returned
    on_stack = 0,    -- of these, C that runs no Lua but finalizers
    running = nil,   -- the last of those
    in_hook = 0,     -- hooks of its that have begun
    suspended = 0,   -- hooks of its that have yielded
  }
end

-- Lua 5.2 collects when it calls a C function, before that has begun: what is
-- called then is inside of nothing. And in a coroutine of Lua 5.1 a hook that
-- uses its own connection cannot be told from one that has raised.
local OFF = {["Lua 5.1"] = not rawget(_G, "jit") and "hook_io" or nil, ["Lua 5.2"] = "nested"}

--- A new world. `switches` are names of oracles and habits that are off, `path`
-- is for a unix socket, `sink` gets the lines of the log.
local function new(seed, kind, switches, path, sink)
  local draw = random.new(seed)
  local world = setmetatable({
    seed = seed, plan = draw_plan(draw, kind), random = draw:fork(), hook_random = draw:fork(),
    finalizer_random = draw:fork(), carry_random = draw:fork(),
    off = setmetatable({[OFF[_VERSION] or ""] = true}, {__index = switches}),
    path = path, sink = sink, lines = {}, violations = {}, actors = {}, finalizing = 0, step = 0,
    began = socket.gettime(),
  }, World)
  -- A stream is Lua: nothing keeps a finalizer out of the middle of its calls.
  if world.plan.kind == "stream" then world.off.nested = true end
  return world
end

--- Makes contexts and connections; hooks are quiet meanwhile.
function World:open()
  self.quiet = true
  self.contexts = make_contexts(self)
  if self.plan.resumption ~= "none" then self.session = earlier(self) end
  if self.plan.resumption == "session_cache" then self.session = nil end
  self.quiet = false
  local near, far, near_below, far_below = open_pair(self)
  self.client, self.server = new_side(self, "client", near, near_below), new_side(self, "server", far, far_below)
  self.client.peer, self.server.peer = self.server, self.client
  self.sides = {self.client, self.server}
end

--- One line about the plan.
function World:describe()
  local plan, names = self.plan, {}
  for _, group in ipairs {"client_hooks", "server_hooks", "chosen_hooks"} do
    for _, name in ipairs {"on_client_hello", "on_certificate", "on_verify"} do
      if plan[group][name] then names[#names + 1] = group:match "^%a+" .. "." .. name end
    end
  end
  return ("%s %s, %s, asks %s, client certificate %s, choice %s, resumption %s, tickets %d, %s%s, collector %s, "
    .. "finalizers %d%%, hooks: %s"):format(plan.kind, plan.version, plan.rough and "rough" or "calm", plan.asks,
    tostring(plan.certified), plan.choice, plan.resumption, plan.num_tickets, plan.transport,
    plan.narrow and " narrow" or "", plan.collector, plan.finalizers, table.concat(names, " "))
end

-- ---- the log, and what went wrong --------------------------------------------------

--- A step, for whoever repeats the program.
function World:log(text, ...)
  if select("#", ...) > 0 then text = text:format(...) end
  local line = ("%3d %s%s"):format(self.step, ("  "):rep(self.finalizing), text)
  local lines, last = self.lines, #self.lines
  -- Two lines by turns, again and again, are told once.
  if line == lines[last] or line == lines[last - 1] then
    self.again = (self.again or 0) + 1
    if line ~= lines[last] then lines[last - 1], lines[last] = lines[last], line end
    return
  end
  if self.again then self.sink(("    ... %d such lines"):format(self.again)) end
  self.again = nil
  lines[last + 1] = line
  self.sink(line)
end

--- An oracle complains.
function World:fail(oracle, text, ...)
  if self.off[oracle] or self.off.all then return end
  if select("#", ...) > 0 then text = text:format(...) end
  self.violations[#self.violations + 1] = ("[%s] step %d: %s"):format(oracle, self.step, text)
  self:log("VIOLATION [%s] %s", oracle, text)
  self.disturbed = self.disturbed or "an oracle has complained"
end

--- From now on failures are to be expected.
function World:disturb(why)
  if not self.disturbed then self:log("disturbed: %s", why) end
  self.disturbed = self.disturbed or why
end

--- Whether time is up.
function World:is_late()
  if socket.gettime() - self.began < helpers.patience * 2 then return false end
  self:fail("hang", "it has not ended after %d seconds", helpers.patience * 2)
  return true
end

-- ---- the collector -------------------------------------------------------------------
--
-- The program's own Lua runs with the collector stopped, methods with it
-- running: so finalizers come inside of methods, and where a step collects.

local SETTINGS = {mild = {150, 200}, restless = {1, 1000}}

function World:set_collector()
  local name = self.plan.collector
  if name == "generational" and not pcall(collectgarbage, "generational") then name = "restless" end
  if name == "at once" then return inside.collect_at_once() end
  local setting = SETTINGS[name]
  if not setting then return end
  if _VERSION == "Lua 5.4" then return collectgarbage("incremental", setting[1], setting[2], 8) end
  collector.set(setting[1], setting[2])
end

function World.reset_collector()
  collector.reset()
  collectgarbage "restart"
end

function World:stop_collector()
  if self.finalizing == 0 then collectgarbage "stop" end
end

function World:start_collector()
  if self.finalizing == 0 then collectgarbage "restart" end
end

return {HABITS = HABITS, ORACLES = ORACLES, new = new}
