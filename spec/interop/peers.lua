--- How each foreign TLS is started, as a server and as a client of ours.
--
-- A peer has `program` (it is absent where that is), `large` (left to `make
-- interop`, not run in CI), and
--   serve(cell): a process with `port`, and how it answers a line: "echo",
--     "reverse" or "http" (GET /page)
--   visit(cell, port, text): a process that ends with status 0 once it has got
--     `text` back from us ("echo"), or a page holding it ("http")
-- `cell` has `key` ("rsa", "ecdsa", "ed25519") and `version` ("TLSv1.2").
local helpers = require "spec.support.helpers"

local peers = {}

local function certificate(cell)
  return helpers.file(cell.key .. ".crt"), helpers.file(cell.key .. ".key")
end

local function short(version)  -- "1.2"
  return version:match "TLSv(.*)"
end

-- A server of which the port is known only by asking.
local function listening(process, port)
  process.port = port
  helpers.wait_for_port(port)
  return process
end

-- Answers clear text line by line, behind proxies that take TLS off.
local function clear_echo()
  local process = helpers.lua([[
    local socket = require "socket"
    local listener = assert(socket.bind("127.0.0.1", 0))
    print("ready " .. select(2, listener:getsockname()))
    io.stdout:flush()
    listener:settimeout(30)
    while true do
      local client = assert(listener:accept())
      client:settimeout(10)
      local line = client:receive()
      while line do
        client:send(line .. "\n")
        line = client:receive()
      end
      client:close()
    end
  ]])
  process.port = tonumber(process:expect "ready (%d+)")
  return process
end

-- Talks clear text to a proxy that puts TLS on.
local function clear_visit(port, text)
  return helpers.lua([[
    local socket = require "socket"
    local port, text = ...
    local client = assert(socket.connect("127.0.0.1", tonumber(port)))
    client:settimeout(10)
    client:send(text .. "\n")
    assert(client:receive() == text)
    client:close()
  ]], port, text)
end

peers[#peers + 1] = {
  name = "OpenSSL", program = "openssl",
  serve = function(cell)
    return helpers.s_server {
      cert = cell.key,
      arguments = { "-rev", "-tls" .. short(cell.version):gsub("%.", "_") },
    }, "reverse"
  end,
  visit = function(cell, port, text)
    local process = helpers.s_client(port, {
      arguments = { "-quiet", "-no_ign_eof", "-tls" .. short(cell.version):gsub("%.", "_") },
    })
    process:write(text .. "\n")
    process:expect(text)
    process:close_input()
    return process, "echo"
  end,
}

local function priority(cell)
  return "NORMAL:-VERS-ALL:+VERS-TLS" .. short(cell.version)
end

peers[#peers + 1] = {
  name = "GnuTLS", program = "gnutls-serv",
  serve = function(cell)
    local cert, key = certificate(cell)
    local port = helpers.free_port()
    return listening(helpers.spawn { "gnutls-serv", "--echo", "--disable-client-cert", "-p", port,
      "--priority", priority(cell), "--x509certfile", cert, "--x509keyfile", key }, port), "echo"
  end,
  visit = function(cell, port, text)
    local process = helpers.spawn({ "gnutls-cli", "--x509cafile", helpers.file "root.crt", "--priority",
      priority(cell), "-p", port, "localhost" }, { input = true })
    process:write(text .. "\n")
    process:expect("\n" .. text)
    process:close_input()
    return process, "echo"
  end,
}

peers[#peers + 1] = {
  name = "Python", program = "python3",
  serve = function(cell)
    local version = cell.version:gsub("%.", "_")
    return helpers.python_server("echo", {
      cert = cell.key, arguments = { "--min", version, "--max", version },
    }), "echo"
  end,
  visit = function(cell, port)
    local version = cell.version:gsub("%.", "_")
    local process = helpers.python_client(port, "echo", { arguments = { "--min", version, "--max", version } })
    return process, "echo"
  end,
}

peers[#peers + 1] = {
  name = "curl", program = "curl",
  visit = function(cell, port, text)
    local version = short(cell.version)
    local process = helpers.spawn { "curl", "-sS", "--cacert", helpers.file "root.crt", "--tlsv" .. version,
      "--tls-max", version, "--noproxy", "*", ("https://localhost:%d/page"):format(port) }
    process.expected = text
    return process, "http"
  end,
}

-- nginx in the foreground, with a configuration of its own.
local function nginx(body)
  local directory = helpers.temp_name()
  os.execute(("mkdir -p %s/logs"):format(directory))
  local paths = {}
  for _, name in ipairs { "client_body", "proxy", "fastcgi", "uwsgi", "scgi" } do
    paths[#paths + 1] = ("%s_temp_path %s/%s;"):format(name, directory, name)
  end
  local file = helpers.temp_file(([[
    daemon off; master_process off; worker_processes 1; pid %s/pid; error_log stderr;
    events {} http { access_log off; %s %s }
  ]]):format(directory, table.concat(paths, " "), body))
  return helpers.spawn { "nginx", "-p", directory, "-c", file }, directory
end

peers[#peers + 1] = {
  name = "nginx", program = "nginx",
  serve = function(cell)
    local cert, key = certificate(cell)
    local port = helpers.free_port()
    return listening(nginx(([[server { listen 127.0.0.1:%d ssl; ssl_certificate %s; ssl_certificate_key %s;
      ssl_protocols %s; location / { return 200 "the page\n"; } }]]):format(port, cert, key, cell.version)), port),
      "http"
  end,
  visit = function(cell, port, text)
    local front = helpers.free_port()
    local proxy = listening(nginx(([[server { listen 127.0.0.1:%d; location / {
      proxy_pass https://127.0.0.1:%d; proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_server_name on;
      proxy_ssl_trusted_certificate %s; proxy_ssl_protocols %s; } }]]):format(front, port, helpers.file "root.crt",
      cell.version)), front)
    local process = helpers.spawn { "curl", "-sS", "--noproxy", "*", ("http://127.0.0.1:%d/page"):format(front) }
    process.expected, process.behind = text, proxy
    return process, "http"
  end,
}

local function haproxy(body)
  return helpers.spawn { "haproxy", "-db", "-q", "-f", helpers.temp_file(([[
defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
%s]]):format(body)) }
end

peers[#peers + 1] = {
  name = "haproxy", program = "haproxy",
  serve = function(cell)
    local port, behind = helpers.free_port(), clear_echo()
    local process = listening(haproxy(([[
listen l
  bind 127.0.0.1:%d ssl crt %s ssl-min-ver %s ssl-max-ver %s
  server s 127.0.0.1:%d
]]):format(port, helpers.file(cell.key .. ".pem"), cell.version, cell.version, behind.port)), port)
    process.behind = behind
    return process, "echo"
  end,
  visit = function(cell, port, text)
    local front = helpers.free_port()
    local proxy = haproxy(([[
listen l
  bind 127.0.0.1:%d
  default-server ssl verify required sni str(localhost) verifyhost localhost
  server s 127.0.0.1:%d ca-file %s ssl-min-ver %s ssl-max-ver %s
]]):format(front, port, helpers.file "root.crt", cell.version, cell.version))
    proxy:status(0.3)  -- a probe would be a client that says nothing
    local process = clear_visit(front, text)
    process.behind = proxy
    return process, "echo"
  end,
}

local function stunnel(body)
  return helpers.spawn { "stunnel4", helpers.temp_file("foreground = yes\npid =\n" .. body) }
end

peers[#peers + 1] = {
  name = "stunnel", program = "stunnel4",
  serve = function(cell)
    local port, behind = helpers.free_port(), clear_echo()
    local cert, key = certificate(cell)
    local process = listening(stunnel(([[
[l]
accept = 127.0.0.1:%d
connect = 127.0.0.1:%d
cert = %s
key = %s
sslVersion = %s
]]):format(port, behind.port, cert, key, cell.version)), port)
    process.behind = behind
    return process, "echo"
  end,
  visit = function(cell, port, text)
    local front = helpers.free_port()
    local proxy = stunnel(([[
[l]
client = yes
accept = 127.0.0.1:%d
connect = 127.0.0.1:%d
CAfile = %s
verifyChain = yes
checkHost = localhost
sni = localhost
sslVersion = %s
]]):format(front, port, helpers.file "root.crt", cell.version))
    proxy:expect "Configuration successful"
    local process = clear_visit(front, text)
    process.behind = proxy
    return process, "echo"
  end,
}

peers[#peers + 1] = {
  name = "Node", program = "node", large = true,
  serve = function(cell)
    local cert, key = certificate(cell)
    local process = helpers.spawn { "node", "spec/interop/echo.js", "serve", cert, key, cell.version }
    process.port = tonumber(process:expect "ready (%d+)")
    return process, "echo"
  end,
  visit = function(cell, port, text)
    return helpers.spawn { "node", "spec/interop/echo.js", "visit", port, helpers.file "root.crt", cell.version,
      text }, "echo"
  end,
}

local function pkcs12(cell)
  local cert, key = certificate(cell)
  local file = helpers.temp_name()
  local maker = helpers.spawn { "openssl", "pkcs12", "-export", "-in", cert, "-inkey", key, "-passout",
    "pass:secret", "-out", file }
  assert(maker:wait() == 0, maker:output())
  return file
end

peers[#peers + 1] = {
  name = "Java", program = "java", large = true,
  serve = function(cell)
    local process = helpers.spawn { "java", "spec/interop/Echo.java", "serve", pkcs12(cell), cell.version }
    process.port = tonumber(process:expect("ready (%d+)", 25))
    return process, "echo"
  end,
  visit = function(cell, port, text)
    return helpers.spawn { "java", "spec/interop/Echo.java", "visit", port, helpers.file "root.crt", cell.version,
      text }, "echo"
  end,
}

return peers
