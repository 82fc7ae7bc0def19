-- The option `connect` of luassl.https for copas: requests in its threads wait
-- in copas.loop. copas before version 2 knows no timeouts.
--
--   local connect = dofile "copas.lua"
--   copas.addthread(function()
--     print(https.request { url = "https://example.com/", connect = connect })
--   end)
--   copas.loop()
local copas = require "copas"
local socket = require "socket"

local receive_part = copas.receivepartial or copas.receivePartial
local settimeout = copas.settimeout or function() end

return function(host, port, seconds)
  local sock = socket.tcp()
  settimeout(sock, seconds)
  local done, err = copas.connect(sock, host, port)
  if not done and err ~= "already connected" then
    sock:close()
    return nil, err
  end
  local transport = {}
  function transport.read(left)
    settimeout(sock, left)
    local bytes, failure, part = receive_part(sock, 16384)
    if not bytes and part ~= "" then bytes = part end
    return bytes, failure
  end
  function transport.write(bytes, left)
    settimeout(sock, left)
    return copas.send(sock, bytes)
  end
  function transport.dirty()
    return socket.select({ sock }, nil, 0)[1] ~= nil
  end
  function transport.close()
    (copas.close or sock.close)(sock)
  end
  return transport
end
