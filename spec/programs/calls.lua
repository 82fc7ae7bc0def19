--- One call of one method, and what its answer may be.
--
-- `perform` makes every call; the oracles that hold for all methods are here.
-- What is particular to reading and writing is in traffic.lua.
local errors = require "luassl.errors"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

local calls = {}

local CONDITIONS = {closed = true, timeout = true, wantread = true, wantwrite = true}
local WAITS = {timeout = true, wantread = true, wantwrite = true}

-- What moves a connection; of these, C alone once the handshake is done, and
-- until a server asks behind it: then Lua runs hooks in between.
local MOVES = {do_handshake = true, send = true, write = true, receive = true, read = true, shutdown = true,
  unwrap = true, feed = true, drain = true, key_update = true}
local IN_C = {send = true, write = true, receive = true, read = true, shutdown = true, feed = true, drain = true,
  close = true, key_update = true, verify_client_post_handshake = true}
-- What a failed connection's error comes from; the others have errors of their own.
local STICKS = {do_handshake = true, send = true, write = true, receive = true, read = true}
local READS = {receive = true, read = true}
-- LuaSocket's methods answer "timeout" at timeout 0 as well.
local AS_LUASOCKET = {send = true, receive = true, shutdown = true}

calls.WAITS = WAITS

function calls.state(side)
  return tostring(side.conn):match "%((.-)%)"
end

local function is_state_error(err)
  return errors.is_error(err) and err.kind == "state"
end

-- A value in the log, which is to be the same when a seed is repeated.
local function show(value)
  if errors.is_error(value) then return ("SSLError %s: %s"):format(tostring(value.kind), tostring(value)) end
  if type(value) == "string" then
    if #value > 40 or value:gsub("[\r\n]", ""):find "[%c\128-\255]" then return ("%d bytes"):format(#value) end
    return (("%q"):format(value):gsub("\\?\n", "\\n"))
  end
  if type(value) == "table" or type(value) == "userdata" then return type(value) end
  return tostring(value)
end

calls.show = show

-- ---- what may come back -----------------------------------------------------------------

-- Inside another call of the same connection, in a finalizer.
local function check_nested(world, side, name, first, err)
  if name == "close" then
    if first ~= 1 then world:fail("reentry", "a nested close answers %s, %s", show(first), show(err)) end
  elseif MOVES[name] and not (first == nil and is_state_error(err) or side.closed or side.closing) then
    world:fail("reentry", "%s inside a call of the same connection answers %s, %s", name, show(first), show(err))
  end
end

-- A hook calls a method of its own connection.
local function check_own(world, side, name, first, err)
  if side.closed or side.closing or not STICKS[name] then return end
  if name == "do_handshake" and calls.state(side) == "connected" then return end  -- it is done
  if first ~= nil or not is_state_error(err) then
    world:fail("hook_io", "a hook's own %s answers %s, %s", name, show(first), show(err))
  end
end

local function check_closed(world, side, name)
  local theirs = side.peer
  if side.closed or side.closing then return end
  if READS[name] or name == "unwrap" then
    if side.shut_receive then return end
    if not theirs.goodbye then world:fail("end", "%s answers \"closed\", and nobody has ended that direction", name) end
  elseif not (side.goodbye or theirs.goodbye or world.disturbed) then
    world:fail("end", "%s answers \"closed\"", name)
  end
end

local function check_condition(world, side, name, err)
  local plan = world.plan
  if err == "closed" then return check_closed(world, side, name) end
  local wrong = err == "timeout"
  if plan.kind ~= "object" then
    wrong = AS_LUASOCKET[name] and err ~= "timeout"
  end
  if wrong then world:fail("conditions", "%s answers %q", name, err) end
  if name == "send" and err == "wantread" and not side.conn:want() then
    world:fail("waits", "send answers \"wantread\", and want() does not want to read")
  end
end

-- An answer that is nil and no condition.
local function check_failure(world, side, name, err)
  if is_state_error(err) then
    local allowed = name == "unwrap" or side.in_hook > side.suspended or side.calls > 0 and world.finalizing > 0
    if side.suspended > 0 and not (allowed and world.finalizing > 0) then
      world:fail("suspended", "while a hook is suspended %s answers %s", name, show(err))
    elseif not allowed then
      world:fail("refused", "%s answers %s", name, show(err))
    end
  elseif not world.disturbed and not (name == "unwrap" and errors.is_error(err) and err.kind == "unread_data") then
    world:fail("refused", "%s answers %s", name, show(err))
  end
end

local function check_sticky(world, side, name, err)
  if not STICKS[name] or side.closed or is_state_error(err) then return end
  if side.failure then
    if not rawequal(side.failure[1], err) then
      world:fail("sticky", "%s answers %s after %s", name, show(err), show(side.failure[1]))
    end
  elseif calls.state(side) == "failed" then
    side.failure = {err}
  end
end

local function check_move(world, side, name, first, err)
  if first ~= nil or name == "drain" and err == nil then return end
  if world.hook_side == side and world.finalizing == 0 then return end  -- check_own's
  check_sticky(world, side, name, err)
  if CONDITIONS[err] then check_condition(world, side, name, err)
  else check_failure(world, side, name, err) end
end

-- ---- calling -------------------------------------------------------------------------------

-- Lua 5.1 cannot yield through pcall: an actor's hooks are to.
local function protected(world, method, ...)
  if world.actor and not hooking.yields_through_pcall and world.finalizing == 0 then return true, method(...) end
  return pcall(method, ...)
end

local function check_queue(world, name, before)
  local code, text = helpers.queue()
  if code == 0 or code == before then return end
  world:fail("queue", "%s leaves %s in OpenSSL's error queue", name, tostring(text))
  helpers.clean()
end

--- Calls a method: up to four results. The collector runs inside of it alone.
function calls.perform(world, side, name, ...)
  local method = side.conn[name]
  local nested, own = side.on_stack > 0, world.hook_side == side and world.finalizing == 0
  local in_c = IN_C[name] and calls.state(side) == "connected" and not world.asked and world.plan.kind ~= "stream"
  local before = helpers.queue()
  side.calls = side.calls + 1
  world:start_collector()  -- which may run finalizers itself, in Lua 5.1
  local outer = side.running
  if in_c then side.on_stack, side.running = side.on_stack + 1, method end
  local fine, first, second, third, fourth = protected(world, method, side.conn, ...)
  if in_c then side.on_stack, side.running = side.on_stack - 1, outer end
  world:stop_collector()
  side.calls = side.calls - 1
  check_queue(world, name, before)
  if side.closing and side.on_stack == 0 and world.finalizing == 0 then
    side.closed, side.closing = true, nil
    if calls.state(side) ~= "closed" then world:fail("reentry", "a nested close has not closed the connection") end
  end
  world:log("%s:%s(%s) -> %s, %s, %s", side.name, name, calls.arguments(...), show(first), show(second), show(third))
  if not fine then
    world:fail("raise", "%s raises %s", name, show(first))
    return nil
  end
  if nested then check_nested(world, side, name, first, second)
  elseif own then check_own(world, side, name, first, second)
  elseif MOVES[name] then check_move(world, side, name, first, second) end
  return first, second, third, fourth
end

function calls.arguments(...)
  local list = {}
  for i = 1, select("#", ...) do list[i] = show((select(i, ...))) end
  return table.concat(list, ", ")
end

--- Closes a connection; what it says then is nobody's failure.
function calls.close(world, side)
  if side.calls > 0 or calls.state(side) ~= "connected" or not world.settling then
    world:disturb(side.name .. " is closed")
  end
  side.goodbye = true
  side.stream:finish()
  -- Inside a call of the same connection it takes effect behind it.
  if side.on_stack > 0 or world.finalizing > 0 and side.calls > 0 then side.closing = not side.closed end
  local done, err = calls.perform(world, side, "close")
  -- Of a call that was killed there is nothing behind which to wait.
  if side.closing and calls.state(side) == "closed" then side.closing = nil end
  side.closed = side.closed or not side.closing
  local unsent = errors.is_error(err) and (err.kind == "unsent" or err.kind == "syscall")
  if done ~= 1 and not (world.disturbed and unsent) then
    world:fail("refused", "close answers %s, %s", show(done), show(err))
  end
  return done, err
end

-- ---- facts ---------------------------------------------------------------------------------

-- Each: what the first result may be, nil included, and of a closed connection.
local FACTS = {
  version = {"nil", "string"}, cipher = {"nil", "string"}, getpeercert = {"nil", "string", "table"},
  peer_certificate = {"nil", "userdata"}, verify_result = {"nil", "number"}, session = {"nil", "userdata"},
  session_reused = {"nil", "boolean"}, server_hostname = {"nil", "string"}, pending = {"number"},
  selected_alpn_protocol = {"nil", "string"}, want = {"boolean", closed = "boolean"},
  dirty = {"boolean", closed = "boolean"},
  local_certificate = {"nil", "userdata"}, peer_chain = {"nil", "table"}, verified_chain = {"nil", "table"},
  verify_errors = {"nil", "table"}, ocsp_response = {"nil", "string", "table"},
}
local OBJECT_FACTS = {buffered = {"number", closed = "number"}}
local STREAM_FACTS = {
  getstats = {"number", closed = "number"}, gettimeout = {"number", closed = "number"},
  getpeername = {"nil", "string", closed = "nil"}, getsockname = {"nil", "string", closed = "nil"},
}
local SOCKET_FACTS = {getfd = {"number", closed = "number"}, getfamily = {"string", closed = "string"}}

local function names_of(facts, list)
  for name in pairs(facts) do list[#list + 1] = name end
  table.sort(list)
  return list
end

calls.facts = {
  object = names_of(OBJECT_FACTS, names_of(FACTS, {})),
  socket = names_of(SOCKET_FACTS, names_of(STREAM_FACTS, names_of(FACTS, {}))),
  stream = names_of(STREAM_FACTS, names_of(FACTS, {})),
}

local function is_among(list, value)
  for _, name in ipairs(list) do
    if type(value) == name then return true end
  end
  return false
end

local function check_value(world, side, name, value, err)
  local expected = FACTS[name] or STREAM_FACTS[name] or SOCKET_FACTS[name] or OBJECT_FACTS[name]
  if side.closed and not side.closing then
    local fine = expected.closed and type(value) == expected.closed
    if not expected.closed then fine = value == nil and err == "closed" end
    if not fine then world:fail("facts", "%s of a closed connection answers %s, %s", name, show(value), show(err)) end
  elseif not side.closing and not is_among(expected, value) then
    world:fail("facts", "%s answers %s, %s", name, show(value), show(err))
  elseif name == "version" and value ~= nil and value ~= world.plan.version then
    world:fail("facts", "version answers %s", show(value))
  elseif name == "server_hostname" and value ~= nil and value ~= "localhost" then
    world:fail("facts", "server_hostname answers %s", show(value))
  end
end

--- Asks for one fact.
function calls.fact(world, side, name)
  local argument = nil
  if name == "getpeercert" then argument = world.step % 2 == 0 end
  local was_closed = side.closed
  local value, err = calls.perform(world, side, name, argument)
  if was_closed == side.closed then check_value(world, side, name, value, err) end
  return value
end

return calls
