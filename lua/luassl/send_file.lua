--- Sending files without holding them in memory.
-- @module luassl.send_file
-- @local

local core = require "luassl.core"
local errors = require "luassl.errors"
local hooks = require "luassl.hooks"
local misuse = require "luassl.misuse"

local begin_operation, remaining = core.connection.begin_operation, core.connection.remaining
local PENDING = core.connection.PENDING
local go_on, run = hooks.go_on, hooks.run
local hides = core.hides
local relay = misuse.relay

local RECORD = 16384     -- bytes, RFC 8446, 5.1
local MOST = 7 * RECORD  -- what `send` encrypts in one go
local FAR = 2 ^ 53       -- counts above are not exact in every Lua
local NAME_MAX = 4095    -- bytes of a file's name in an error

local send_file = {}

-- What was read of a file that cannot go back, and was not sent: by
-- connection. The file is held by who reads it.
local unsent = setmetatable({}, { __mode = "k" })
local LOOSE = { __mode = "v" }

local function read_method(file)
  local found, read = pcall(function() return file.read end)
  return found and read
end

local function check_file(file)
  if type(file) == "string" then return end
  if io.type(file) == "closed file" then error("bad argument #1 to 'send_file' (the file is closed)", 3) end
  if (type(file) == "table" or type(file) == "userdata") and read_method(file) then return end
  error(("bad argument #1 to 'send_file' (path or object with read expected, got %s)"):format(type(file)), 3)
end

local function check_count(value, index, absent)
  if value == nil then return absent end
  if type(value) == "number" and value >= 0 and value < FAR and value % 1 == 0 then return value end
  local found = type(value) == "number" and ("%.14g"):format(value) or type(value)
  error(("bad argument #%d to 'send_file' (integer from 0 on expected, got %s)"):format(index, found), 3)
end

local function system_error(text, code, path)
  local shown = path and #path <= NAME_MAX and not path:find "%c" and not hides(path) and path or nil
  return errors.new("SSLError", {
    kind = "file", operation = "send_file", code = code, file = shown,
    text = ("send_file: cannot read %s: %s"):format(shown or "the file", text),
  })
end

-- What is wrong, as `send_file` answers it. A connection that is read from
-- has conditions and errors of its own.
local function read_error(source, err, code)
  if type(err) ~= "string" or code == nil then return err end
  local path = source.path
  if path and err:sub(1, #path + 2) == path .. ": " then err = err:sub(#path + 3) end
  return system_error(err, code, path)
end

-- Reads at least `least` bytes and at most `most`, fewer at the end. At an
-- error: what has come, and the error in source.failure.
local function fetch(source, least, most)
  local parts, size = { source.rest }, #source.rest
  source.rest = ""
  while size < least and not source.ended do
    local data, err, code = source.file:read(most - size)
    if data == nil or data == "" then
      source.ended = true
      if err ~= nil and err ~= "closed" then source.failure = read_error(source, err, code) end
    elseif type(data) ~= "string" then
      error(("send_file: the file's read answered a %s"):format(type(data)), 0)
    else
      parts[#parts + 1] = data
      size = size + #data
    end
  end
  return table.concat(parts)
end

-- The next piece, in full records unless it is the last one.
local function next_piece(source, left)
  local least, most = math.min(RECORD, left), math.min(MOST, left)
  local text = fetch(source, least, most)
  local size = math.min(#text, left)
  if size < left and not source.ended then size = size - size % RECORD end
  source.rest = text:sub(size + 1)
  return size < #text and text:sub(1, size) or text
end

-- Reads on to `offset` in a file that cannot go there.
local function skip(source, offset)
  local left = offset
  while left > 0 and not source.ended do
    left = left - #fetch(source, 1, math.min(MOST, left))
  end
end

-- What was read at an earlier call; nil: nothing of this file's.
local function take_up(self, source, offset)
  local kept = unsent[self]
  if not kept or kept.file ~= source.file then return nil end
  local passed = offset - kept.offset
  if passed < 0 or passed > #kept.text then
    error(("bad argument #2 to 'send_file' (the file cannot go back: %.14g is next)"):format(kept.offset), 5)
  end
  source.rest = kept.text:sub(passed + 1)
  return true
end

-- Goes to `offset`.
local function place(self, source, offset)
  local file = source.file
  local found, seek = pcall(function() return file.seek end)
  if found and seek and file:seek("set", offset) then
    source.seeks = true
  elseif not take_up(self, source, offset) then
    skip(source, offset)
  end
  unsent[self] = nil
end

local function open(self, file, offset)
  local source = { file = file, rest = "" }
  if type(file) == "string" then
    local opened, text, code = io.open(file, "rb")
    source.path = file
    if not opened then return nil, read_error(source, text, code) end
    source.file = opened
  end
  place(self, source, offset)
  return source
end

-- Leaves the file where the next call goes on.
local function leave(self, source, position)
  if source.path then source.file:close()
  elseif source.seeks then source.file:seek("set", position)
  else unsent[self] = setmetatable({ file = source.file, offset = position, text = source.rest }, LOOSE)
  end
end

-- One piece, within the deadline of the whole: as `send`. A hook may come in
-- between, behind the handshake too.
local function send_piece(self, send, piece, deadline, carrier)
  if carrier then return misuse.pass(carrier.send(self, piece, deadline)) end
  begin_operation(self, deadline)
  local done, err, index = send(self, piece, 1, #piece, PENDING)
  while err == PENDING do
    done, err = go_on(self, false)
    if not done then return nil, err, index end
    done, err, index = send(self, piece, 1, #piece, PENDING)
  end
  return done, err, index
end

-- Sends up to `length` bytes: how many, and why no more.
local function pump(self, send, source, length, deadline, carrier)
  local left = carrier and carrier.remaining or remaining
  local total = 0
  while total < length do
    local piece = next_piece(source, length - total)
    if piece == "" then return total, source.failure end
    local done, err, index = send_piece(self, send, piece, deadline, carrier)
    total = total + (done or index)
    if not done then
      source.rest = piece:sub(index + 1) .. source.rest
      return total, err
    end
    if deadline > 0 and total < length and not source.ended and left(self, deadline) == 0 then
      return total, "timeout"
    end
  end
  return total
end

--- Adds `send_file` to the methods of SSLSocket or SSLStream.
-- @tparam table methods of SSLSocket: whose `send` is still C's, which goes on
-- behind the handshake
-- @tparam[opt] table carrier of SSLStream: functions `begin`, `handshake`,
-- `send` and `remaining`
function send_file.install(methods, carrier)
  if methods.send_file then return end  -- this file was loaded again
  local send, gettimeout = methods.send, methods.gettimeout

  --- Sends a file in full records, without holding it in memory. At a timeout
  -- it tells how far it came: call it again with the offset raised by that.
  -- The whole call has one deadline; what the file itself waits for cannot be
  -- bounded.
  --
  -- A file with `seek` is left behind what was sent. Of one without, a pipe's,
  -- `offset` bytes are skipped, and what was read and not sent is kept for the
  -- call that goes on.
  -- @function send_file
  -- @page SSLSocket SSLStream
  -- @group Reading and writing
  -- @tparam string|userdata|table file a path, or anything with `read(n)` as
  -- Lua's files have it: up to n bytes; nil or `""` at the end; nil, an error
  -- and a code
  -- @tparam[opt=0] integer offset where to begin, in bytes from the file's
  -- beginning
  -- @tparam[opt] integer length most bytes to send; nil: all until its end
  -- @treturn[1] integer bytes sent; fewer than `length` where the file ends
  -- @treturn[2] nil
  -- @treturn[2] string|SSLError `"timeout"`, `"closed"`, or a failure; of kind
  -- `"file"` when the file cannot be read; what an object's `read` answers
  -- without a code, as it is
  -- @treturn[2] integer bytes sent until then
  -- @raise when `file` has no `read` or is closed, when a number is below 0,
  -- and when a file that cannot go back would have to; what `read` raises
  -- @source Python 3.5, socket.sendfile; RFC 8446, 5.1
  -- @usage local offset = 0
  -- repeat
  --   local sent, err, partial = conn:send_file("big.iso", offset)
  --   offset = offset + (sent or partial)
  -- until sent or err ~= "timeout"
  function methods.send_file(self, file, offset, length)
    relay(2, ":send_file", pcall(gettimeout, self))  -- raises for what is not of this type
    check_file(file)
    offset, length = check_count(offset, 2, 0), check_count(length, 3, math.huge)
    local deadline, err = (carrier and carrier.begin or begin_operation)(self)
    if not deadline then return nil, err, 0 end
    local done
    if carrier then done, err = carrier.handshake(self, deadline)
    else done, err = run(self, false)
    end
    if not done then return nil, err, 0 end
    local source
    source, err = open(self, file, offset)
    if not source then return nil, err, 0 end
    local sent
    sent, err = pump(self, send, source, length, deadline, carrier)
    leave(self, source, offset + sent)
    if err ~= nil then return nil, err, sent end
    if not source.path and not source.seeks then unsent[self] = nil end
    return sent
  end
end

return send_file
