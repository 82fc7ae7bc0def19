--- What every method of a stream begins and ends with.
-- @module luassl.stream_operation
-- @local

local core = require "luassl.core"
local pump = require "luassl.stream_pump"

local clock = core.clock
local produced, taken, WAITS = pump.produced, pump.taken, pump.WAITS

local operation = {}

--- Which tables are streams.
local is_stream = setmetatable({}, { __mode = "k" })
operation.is_stream = is_stream

--- Raises, at the caller of who calls this, for what is no stream.
function operation.check(self, name)
  if is_stream[self] then return end
  error(("calling '%s' on bad self (SSLStream expected, got %s)"):format(name, type(self)), 3)
end

--- An operation begins: its deadline, as stream_pump.lua has them.
function operation.begin(self)
  local limit = self.block
  if limit < 0 or (self.total >= 0 and self.total < limit) then limit = self.total end
  self.want_read, self.want_write = false, false
  self.late = false
  if limit < 0 then return nil end
  return limit > 0 and clock() + limit or 0
end

--- What an operation answers instead of "timeout": `native` ones tell at timeout
-- 0 what they wait for. Who `reads` waits for that, others only if nothing
-- waits to be written.
function operation.condition(self, deadline, err, native, reads)
  if not WAITS[err] then return err end
  self.late = true
  self.want_write = produced(self) > taken(self)
  self.want_read = reads or not self.want_write
  if not native or deadline ~= 0 then return "timeout" end
  return self.want_read and "wantread" or "wantwrite"
end

return operation
