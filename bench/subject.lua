--- A Lua subject: `lua subject.lua BINDING WORKLOAD COUNT SIZE PORT PKI`.
-- BINDING names a file here that returns the binding's way to open clients,
-- servers and contexts; connections have LuaSocket's methods. Prints "cpu S",
-- the CPU time of its COUNT units, "memory N", "first S"; or "absent".
local directory = arg[0]:match "^(.*)/" or "."
local binding_name, workload = arg[1], arg[2]
local count, size, port = math.floor(tonumber(arg[3])), math.floor(tonumber(arg[4])), math.floor(tonumber(arg[5]))
local pki = arg[6]

local clock = os.clock  -- CPU time, user and system

local function say(name, value)
  io.write(("%s %.9f\n"):format(name, value))
  io.flush()
end

-- Before anything is required: nothing else is in it.
local function load()
  if count == 0 then return end
  local began = clock()
  dofile(directory .. "/" .. binding_name .. ".lua").load()
  say("cpu", clock() - began)
end

if workload == "load" then return load() end

local binding = dofile(directory .. "/" .. binding_name .. ".lua")
binding.load()
local socket = require "socket"

local workloads = {}

--- One connection -----------------------------------------------------------

-- Runs `body` on a new connection and tells the CPU time of it.
local function on_connection(body, finish)
  local conn = binding.client(binding.client_context(pki), port)
  local began = clock()
  body(conn)
  say("cpu", clock() - began)
  if finish then finish(conn) end
  conn:close()
end

function workloads.receive()
  on_connection(function(conn)
    for _ = 1, count do
      local data = assert(conn:receive(size))
      assert(#data == size)
    end
  end)
end

function workloads.send()
  local data = ("x"):rep(size)
  on_connection(function(conn)
    for _ = 1, count do assert(conn:send(data)) end
  end, function(conn) assert(conn:receive(1)) end)
end

function workloads.pingpong()
  local data = ("x"):rep(size)
  on_connection(function(conn)
    local received = 0
    for _ = 1, count do
      if not conn:send(data) then error "send" end
      received = received + #conn:receive(size)
    end
    assert(received == count * size, "bytes are missing")
  end)
end

function workloads.lines()
  on_connection(function(conn)
    local total = 0
    for _ = 1, count do total = total + #conn:receive "*l" end
    if total ~= count * (size - 1) then error "lines" end
  end)
end

--- Many connections ---------------------------------------------------------

function workloads.all()
  local context, total = binding.client_context(pki), 0
  for _ = 1, count do
    local conn = binding.client(context, port)
    local began = clock()
    local body = assert(conn:receive "*a")
    total = total + clock() - began
    assert(#body == size)
    conn:close()
  end
  say("cpu", total)
end

function workloads.connect()
  local context = binding.client_context(pki)
  local began = clock()
  for _ = 1, count do
    local conn = binding.client(context, port)
    assert(conn:receive(1))
    conn:close()
  end
  say("cpu", clock() - began)
end

workloads["connect-resumed"] = binding.session and binding.resumes() and function()
  local context, session = binding.client_context(pki)
  local began = clock()
  for _ = 1, count do
    local conn = binding.client(context, port, session)
    assert(conn:receive(1))
    session = assert(binding.session(conn))
    conn:close()
  end
  say("cpu", clock() - began)
end

local function bind()
  local listener = assert(socket.bind("127.0.0.1", 0))
  return listener, select(2, listener:getsockname())
end

local function listen()
  local listener, number = (binding.listen or bind)()
  say("port", number)
  return listener
end

function workloads.accept()
  local accept = binding.server(binding.server_context(pki), listen())
  local began = clock()
  for _ = 1, count do
    local conn = accept()
    assert(conn:send "!")
    assert(conn:receive(1) == nil)
    conn:close()
  end
  say("cpu", clock() - began)
end

workloads["accept-resumed"] = workloads.accept
workloads.greet = workloads.accept

--- Memory and contexts ------------------------------------------------------

local function resident()
  collectgarbage()
  collectgarbage()
  local file = assert(io.open "/proc/self/statm")
  local pages = file:read "*a":match "^%d+ (%d+)"
  file:close()
  return tonumber(pages) * 4096
end

-- The first connections warm the process up: see WARM_UP in work.py.
local function hold(connect)
  local open, before = {}, nil
  for i = 1, count do
    if i == 11 then before = resident() end
    local conn = connect()
    assert(#assert(conn:receive(size)) == size)
    open[i] = conn
  end
  say("memory", resident() - before)
  assert(#open == count)
end

function workloads.idle()
  local context = binding.client_context(pki)
  hold(function() return binding.client(context, port) end)
end

function workloads.held()
  hold(binding.server(binding.server_context(pki), listen()))
end

function workloads.context()
  local made = {}
  local began = clock()
  made[1] = assert(binding.system_context())
  say("first", clock() - began)
  local before = resident()
  began = clock()
  for i = 2, count + 1 do made[i] = assert(binding.system_context()) end
  say("cpu", clock() - began)
  say("memory", resident() - before)
  assert(#made == count + 1)
end

--- Without a socket of its own ----------------------------------------------

-- An SSLObject over luv, whose reads are as large as what has arrived.
local has_luv, luv = pcall(require, "luv")
local Carrier = {}
Carrier.__index = Carrier

local function carrier()
  local self = setmetatable({ arrived = {}, tcp = luv.new_tcp() }, Carrier)
  self.object = binding.object(binding.client_context(pki))
  self.tcp:connect("127.0.0.1", port, function(err)
    assert(not err, err)
    self.tcp:nodelay(true)
    self.tcp:read_start(function(_, chunk) self.arrived[#self.arrived + 1] = chunk or false end)
    self.connected = true
  end)
  while not self.connected do luv.run "once" end
  self:pump(self.object.do_handshake)
  return self
end

-- Sends what the object has; what the kernel does not take at once, luv does.
function Carrier:flush()
  local out = self.object:drain()
  if not out then return end
  local sent = self.tcp:try_write(out) or 0
  if sent == #out then return end
  local done
  self.tcp:write(out:sub(sent + 1), function() done = true end)
  while not done do luv.run "once" end
end

-- Gives the object what arrived, as much as it takes.
function Carrier:feed()
  local chunk = self.arrived[1]
  while chunk ~= nil do
    local taken = self.object:feed(chunk or nil)
    if chunk and taken < #chunk then
      self.arrived[1] = chunk:sub(taken + 1)
      return
    end
    table.remove(self.arrived, 1)
    chunk = self.arrived[1]
  end
end

-- Calls a method of the object until it has its answer.
function Carrier:pump(method, amount, have)
  while true do
    local result, err, part = method(self.object, amount, have)
    self:flush()
    if result then return result end
    assert(err == "wantread", err)
    have = part
    if #self.arrived == 0 then luv.run "once" end
    self:feed()
  end
end

local has_object = binding.object and has_luv

workloads["object-receive"] = has_object and function()
  local self = carrier()
  local receive = self.object.receive
  local began = clock()
  for _ = 1, count do assert(#self:pump(receive, size) == size) end
  say("cpu", clock() - began)
end

workloads["object-send"] = has_object and function()
  local self = carrier()
  local data = ("x"):rep(size)
  local began = clock()
  for _ = 1, count do
    assert(self.object:send(data) == size)
    self:flush()
  end
  say("cpu", clock() - began)
  self:pump(self.object.receive, 1)
end

local body = workloads[workload]
if not body then print "absent"
elseif binding.run then binding.run(body)
else body() end
