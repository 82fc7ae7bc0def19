--- Connections that wait for the next request: few, and not for long.
-- @module luassl.https_pool
-- @local

local clock = require "luassl.core".clock

local Pool = {}
Pool.__index = Pool

--- An empty pool.
-- @tparam table limits `max_idle`, `max_idle_per_host`: how many; `idle_timeout`,
-- `max_age`: seconds
-- @treturn table
local function new(limits)
  return setmetatable({ limits = limits, idle = {} }, Pool)
end

-- Takes the connection out that stands at an index.
local function remove(self, i)
  return table.remove(self.idle, i)
end

local function is_stale(self, entry, now)
  return now - entry.since > self.limits.idle_timeout or now - entry.wire.born > self.limits.max_age
end

--- Closes what has waited too long.
function Pool:sweep()
  local now = clock()
  for i = #self.idle, 1, -1 do
    if is_stale(self, self.idle[i], now) then remove(self, i).wire:close() end
  end
end

--- The one to a host that was used last, if it is alive.
-- @tparam string key
-- @treturn table|nil a wire
function Pool:take(key)
  self:sweep()
  for i = #self.idle, 1, -1 do
    if self.idle[i] and self.idle[i].key == key then
      local wire = remove(self, i).wire
      if wire:is_alive() then return wire end
      wire:close()
    end
  end
  return nil
end

-- The index of the one that has waited longest, of a key or of all.
local function oldest(self, key)
  for i, entry in ipairs(self.idle) do
    if not key or entry.key == key then return i end
  end
end

local function count(self, key)
  local n = 0
  for _, entry in ipairs(self.idle) do
    if entry.key == key then n = n + 1 end
  end
  return n
end

--- Keeps one; the oldest goes where there are too many.
function Pool:put(key, wire)
  if self.closed then return wire:close() end
  self.idle[#self.idle + 1] = { key = key, wire = wire, since = clock() }
  self:sweep()
  if count(self, key) > self.limits.max_idle_per_host then remove(self, oldest(self, key)).wire:close() end
  while #self.idle > self.limits.max_idle do remove(self, oldest(self)).wire:close() end
end

--- Closes them all, and each that comes from now on.
function Pool:close()
  self.closed = true
  while #self.idle > 0 do remove(self, #self.idle).wire:close() end
end

return { new = new }
