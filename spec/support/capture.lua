--- Captures of connections between SSLObjects, as tcpdump writes them, and what
-- tshark makes of them with a key log.
local helpers = require "spec.support.helpers"

local capture = {}

local function be16(n)
  return string.char(math.floor(n / 256) % 256, n % 256)
end

local function be32(n)
  return be16(math.floor(n / 65536)) .. be16(n % 65536)
end

local RAW_IP, SNAP = 101, 65535
local CLIENT, SERVER = {port = 40000, address = "\127\0\0\1"}, {port = 443, address = "\127\0\0\2"}
local SYN, ACK, PUSH = 2, 16, 8

local function packet(from, to, flags, payload)
  local tcp = be16(from.port) .. be16(to.port) .. be32(from.next) .. be32(to.next) .. string.char(5 * 16, flags)
    .. be16(65535) .. be16(0) .. be16(0) .. payload
  from.next = from.next + #payload + (flags % 4 >= SYN and 1 or 0)
  return "\69\0" .. be16(20 + #tcp) .. "\0\0\0\0\64\6\0\0" .. from.address .. to.address .. tcp
end

local Capture = {}
Capture.__index = Capture

function Capture:add(from, to, flags, payload)
  local bytes = packet(from, to, flags, payload)
  self.packets[#self.packets + 1] = be32(1700000000 + #self.packets) .. be32(0) .. be32(#bytes) .. be32(#bytes) .. bytes
end

--- Carries what two SSLObjects have for each other, and keeps it.
function Capture:pump(near, far)
  local moved
  repeat
    moved = false
    for _, way in ipairs {{near, far, self.client, self.server}, {far, near, self.server, self.client}} do
      local bytes = way[1]:drain(16000)
      if bytes then
        way[2]:feed(bytes)
        self:add(way[3], way[4], ACK + PUSH, bytes)
        moved = true
      end
    end
  until not moved
end

--- Runs both handshakes; whether they were done.
function Capture:handshake(near, far)
  local done, other
  for _ = 1, 10 do
    done = done or near:do_handshake()
    self:pump(near, far)
    other = other or far:do_handshake()
    self:pump(near, far)
  end
  return done and other or false
end

--- The lines that tshark prints of it, with a file of secrets.
function Capture:read(keylog, ...)
  local path = helpers.temp_file("\161\178\195\212" .. be16(2) .. be16(4) .. be32(0) .. be32(0) .. be32(SNAP)
    .. be32(RAW_IP) .. table.concat(self.packets))
  local peer = helpers.spawn({"tshark", "-r", path, "-o", "tls.keylog_file:" .. keylog, ...},
    {env = {HOME = "/nonexistent"}})
  peer:wait(60)
  return peer:output()
end

--- A new one, with its SYN exchanged.
function capture.new()
  local self = setmetatable({packets = {}, client = {next = 1000}, server = {next = 5000}}, Capture)
  for name, value in pairs(CLIENT) do self.client[name] = value end
  for name, value in pairs(SERVER) do self.server[name] = value end
  self:add(self.client, self.server, SYN, "")
  self:add(self.server, self.client, SYN + ACK, "")
  return self
end

local pipe = io.popen "command -v tshark"
capture.found = pipe:read "*l" ~= nil
pipe:close()

return capture
