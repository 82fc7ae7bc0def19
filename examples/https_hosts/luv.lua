-- The option `connect` of luassl.https for luv: requests in coroutines wait in
-- uv.run. The look-up of names is luv's, and ends in time as well.
--
--   local connect = dofile "luv.lua"
--   coroutine.wrap(function()
--     print(https.request { url = "https://example.com/", connect = connect })
--   end)()
--   uv.run()
local uv = require "luv"

-- Begins something that calls back, and waits: what it calls back with, or
-- "timeout".
local function await(seconds, begin)
  local task, timer = coroutine.running(), uv.new_timer()
  local function finish(...)
    if timer:is_closing() then return end
    timer:close()
    assert(coroutine.resume(task, ...))
  end
  timer:start(math.ceil((seconds or 1e6) * 1000), 0, function() finish "timeout" end)
  begin(finish)
  return coroutine.yield()
end

return function(host, port, seconds)
  local err, addresses = await(seconds, function(done) uv.getaddrinfo(host, nil, { socktype = "stream" }, done) end)
  if err then return nil, err end
  local tcp = uv.new_tcp()
  err = await(seconds, function(done) tcp:connect(addresses[1].addr, port, done) end)
  if err then
    tcp:close()
    return nil, err
  end
  local transport = {}
  function transport.read(left)
    local failure, bytes = await(left, function(done) tcp:read_start(done) end)
    tcp:read_stop()
    return bytes, failure
  end
  function transport.write(bytes, left)
    local failure = await(left, function(done) tcp:write(bytes, done) end)
    return not failure or nil, failure
  end
  function transport.close()
    tcp:close()
  end
  return transport
end
