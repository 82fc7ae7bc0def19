-- The option `connect` of luassl.https for nginx with Lua (OpenResty): requests
-- wait as cosockets do. Names need `resolver` in nginx's configuration. Load
-- what defines globals once, where nginx starts:
--
--   init_by_lua_block { require "ltn12" require "luassl.https" require "socket.http" }
--   content_by_lua_block {
--     local connect = dofile "/path/to/nginx.lua"
--     ngx.say(https.request { url = "https://example.com/", connect = connect })
--   }

return function(host, port, seconds)
  local sock = ngx.socket.tcp()
  local function limit(left)
    if left then sock:settimeout(math.max(left * 1000, 1)) end  -- milliseconds
  end
  limit(seconds)
  local done, err = sock:connect(host, port)
  if not done then return nil, err end
  local transport = {}
  function transport.read(left)
    limit(left)
    return sock:receiveany(16384)
  end
  function transport.write(bytes, left)
    limit(left)
    return sock:send(bytes)
  end
  function transport.close()
    sock:close()
  end
  return transport
end
