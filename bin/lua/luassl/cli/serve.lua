--- `luassl serve`: a directory by HTTPS, with a throw-away certificate. For trying
-- things out: it listens on loopback unless it is told otherwise.
-- @module luassl.cli.serve
-- @local
local http_files = require "luassl.cli.http_files"
local loop = require "luassl.cli.loop"
local openssl = require "luassl.cli.openssl"
local persist = require "luassl.cli.connection".persist
local socket = require "socket"
local ssl = require "luassl"

local serve = {}

local CONNECTIONS = 100  -- at a time
local PATIENCE = 10  -- seconds for a handshake
local DAYS = 7  -- of a throw-away certificate

local function names_of(settings)
  local names = { "localhost", "127.0.0.1", "::1" }
  for _, name in ipairs(settings.name or {}) do table.insert(names, 1, name) end
  local bound = settings.bind
  if bound ~= "127.0.0.1" and bound ~= "::1" and bound ~= "0.0.0.0" and bound ~= "::" then names[#names + 1] = bound end
  return names
end

-- Options of a context with the certificate, and the certificate in PEM if it is ours.
local function identity(settings)
  if settings.cert then return { certfile = settings.cert, keyfile = settings.key } end
  local entries, err = openssl.entries(names_of(settings))
  if not entries then error({ usage = err }, 0) end
  local pem, certificate = openssl.self_signed(entries, DAYS)
  if not pem then error({ failed = certificate }, 0) end
  return { cert = pem }, certificate
end

local function write_certificate(name, pem)
  if not pem then error({ usage = "--write-cert is for a throw-away certificate, not with --cert" }, 0) end
  local file, err = io.open(name, "wb")
  if not file then error({ failed = err }, 0) end
  file:write(pem)
  file:close()
end

-- Says where it listens, and how to trust it.
local function announce(out, settings, host, port, pem)
  local shown = host:find ":" and "[" .. host .. "]" or host
  if host == "127.0.0.1" or host == "0.0.0.0" then shown = settings.name and settings.name[1] or "localhost" end
  out:line(("Serving %s at https://%s:%d/ (Ctrl-C ends it)"):format(settings.directory, shown, port))
  if pem then
    local certificate = assert(ssl.load_certificates(pem))[1]
    out:line("A throw-away certificate, for " .. DAYS .. " days; nobody trusts it but who is told to:")
    out:line("  SHA-256  ", certificate:digest())
    out:line("  pin      ", certificate:pin())
    if settings.write_cert then out:line(("  curl --cacert %s https://%s:%d/"):format(settings.write_cert, shown, port))
    else out:line("  --write-cert FILE writes it into a file for clients")
    end
  end
  if host ~= "127.0.0.1" and host ~= "::1" then
    out:line(out:paint("yellow", "Other machines can reach this: all that is in the directory is public."))
  end
end

local function serve_one(context, sock, settings, out)
  local peer = sock:getpeername() or "?"
  sock:settimeout(0)
  local conn = context:wrap_socket(sock, { server_side = true, do_handshake_on_connect = false })
  if not conn then return sock:close() end
  conn:settimeout(0)
  local ok, err = persist(conn, socket.gettime() + PATIENCE, conn.do_handshake)
  if not ok then out:line(peer, "  no TLS: ", tostring(err))
  else
    http_files.serve(conn, settings.directory, function(method, target, status)
      out:line(peer, "  ", method, " ", target, ("  %d"):format(status))
    end)
  end
  conn:close()
end

-- Takes connections for as long as it runs.
local function accept(tasks, listener, context, settings, out)
  while true do
    if #tasks.tasks > CONNECTIONS then loop.wait(nil, nil, socket.gettime() + 0.1)
    elseif loop.wait(listener, "r", socket.gettime() + 3600) then
      local sock = listener:accept()
      if sock then tasks:spawn(function() serve_one(context, sock, settings, out) end) end
    end
  end
end

--- Runs the command; it ends when it is interrupted.
-- @tparam table out a writer
-- @tparam table settings
function serve.run(out, settings)
  settings.directory = settings.directory or "."
  local probe = io.open(settings.directory .. "/.", "rb")
  if not probe then error({ usage = "'" .. settings.directory .. "' is no directory that can be read" }, 0) end
  probe:close()
  local options, pem = identity(settings)
  if settings.write_cert then write_certificate(settings.write_cert, pem) end
  options.server_side, options.alpn_protocols = true, { "http/1.1" }
  local context, err = ssl.create_default_context(options)
  if not context then error({ usage = tostring(err) }, 0) end
  local listener
  listener, err = socket.bind(settings.bind, settings.port)
  if not listener then
    error({ failed = ("cannot listen on %s port %d: %s"):format(settings.bind, settings.port, err) }, 0)
  end
  listener:settimeout(0)
  local host, port = listener:getsockname()
  announce(out, settings, host, tonumber(port), pem)
  local tasks = loop.new()
  tasks:spawn(function() accept(tasks, listener, context, settings, out) end)
  tasks:run()
end

return serve
