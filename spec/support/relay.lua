--- A relay between two TCP connections, in the spec's hands: what came from
-- either side waits until the spec lets it go on, in pieces that it chooses.
-- Nothing is lost or changed.
local socket = require "socket"
local helpers = require "spec.support.helpers"

local relay = {}

local OTHER = {client = "server", server = "client"}
local HEADER = 5

local Relay = {}
Relay.__index = Relay

--- `client`, `server`: LuaSocket objects whose other ends are these.
function relay.new(client, server)
  local self = setmetatable({ends = {client = client, server = server},
    waiting = {client = "", server = ""}, ended = {}, told = {}}, Relay)
  for _, sock in pairs(self.ends) do
    sock:settimeout(0)
    sock:setoption("tcp-nodelay", true)
  end
  return self
end

--- Reads what there is on both sides, after at most `seconds`.
function Relay:take(seconds)
  local open = {}
  for side, sock in pairs(self.ends) do
    if not self.ended[side] then open[#open + 1] = sock end
  end
  socket.select(open, nil, seconds or 0)
  for side, sock in pairs(self.ends) do
    local data, err, partial = sock:receive(262144)
    self.waiting[side] = self.waiting[side] .. (data or partial)
    if err == "closed" then self.ended[side] = true end
  end
end

--- Lets `n` bytes go on that came from `side`, all by default; behind the last
-- its end, if it has come.
function Relay:give(side, n)
  local to = self.ends[OTHER[side]]
  local data = self.waiting[side]:sub(1, n)
  if data ~= "" then
    local last, _, partial = to:send(data)
    self.waiting[side] = self.waiting[side]:sub((last or partial) + 1)
  end
  if self.ended[side] and self.waiting[side] == "" and not self.told[side] then
    self.told[side] = true
    to:shutdown "send"
  end
end

--- The size of the first record that waits from `side`, nil if it is not
-- whole.
function Relay:record(side)
  local high, low = self.waiting[side]:byte(4, 5)
  local size = low and HEADER + high * 256 + low
  return size and size <= #self.waiting[side] and size or nil
end

--- Waits until a whole record has come from `side`: its size.
function Relay:await(side)
  local deadline = socket.gettime() + helpers.patience
  while not self:record(side) do
    assert(socket.gettime() < deadline, "no record comes")
    self:take(0.01)
  end
  return self:record(side)
end

--- One round of a policy: a function of this, a side and the bytes that wait
-- from there answers how many go on.
function Relay:round(policy)
  self:take(self.waiting.client .. self.waiting.server == "" and 0.001 or 0)
  for side, waiting in pairs(self.waiting) do
    local n = policy(self, side, #waiting)
    if n > 0 or waiting == "" then self:give(side, n) end
  end
end

function Relay:close()
  for _, sock in pairs(self.ends) do sock:close() end
end

--- Policies ---------------------------------------------------------------

--- Each byte alone.
function relay.bytes()
  return 1
end

--- All that comes in several rounds, at once.
function relay.joined(self, side, n)
  self.rounds = self.rounds or {client = 0, server = 0}
  self.rounds[side] = (self.rounds[side] + 1) % 8
  return self.rounds[side] == 0 and n or 0
end

--- Each record alone.
function relay.records(self, side)
  return self:record(side) or 0
end

-- Pieces that end `offset` bytes behind the beginning of a record, below 0:
-- before its end.
local function cut(offset)
  return function(self, side, n)
    self.within = self.within or {client = false, server = false}
    local size = self.within[side]
    if size then  -- the rest of a record, and the beginning of the next
      if n < size then return 0 end
      self.within[side] = false
      return size
    end
    size = self:record(side)
    if not size then return 0 end
    local first = offset > 0 and offset or size + offset
    self.within[side] = size - first
    return first
  end
end

--- Each record in two: within its header, behind it, before its last byte.
relay.in_header, relay.behind_header = cut(3), cut(5)
relay.before_last = cut(-1)

--- Pieces of sizes that a generator draws.
function relay.random(draw, most)
  return function() return draw(most) end
end

return relay
