--- How each foreign TLS is started, as a server and as a client of ours.
--
-- A peer has `program` (it is absent where that is), `large` (left to `make
-- interop`, not run in CI), and
--   serve(cell): a process with `port`, and how it answers a line: "echo",
--     "reverse" or "http" (GET /page)
--   visit(cell, port, text): a process that ends with status 0 once it has got
--     `text` back from us ("echo"), or a page holding it ("http")
--   protocol: by ALPN, "echo" where there is none
-- `twice`: it connects two times and is to resume in the second.
--   limits: by role and column what it cannot: the `keys` it can, and `why`
-- A cell of `serve` has `version` ("TLSv1.2"), the `leaves` of the server and
-- `demands`, if it wants a client certificate, `ocsp`, a response to staple,
-- `alpn`, if it is to agree on the protocol, `asks`, if it is to ask behind the
-- handshake, which the process's `asks(conn, try)` then makes it do; one of
-- `visit` has `version`, `client`, the leaf that the client shows, `accepts`, the
-- one kind of key that it takes ("rsa", "ecdsa", "ed25519"), `ocsp`, if it needs
-- a stapled response that says "good", `alpn` and `asks`: all optional. A process
-- that says by which protocol it speaks has `told`, that text.
local helpers = require "spec.support.helpers"
local socket = require "socket"

local unpack = table.unpack or unpack

local peers = {}

local roots = helpers.file "kinds.crt"

local function certificate(leaf)
  return helpers.file(leaf .. ".crt"), helpers.file(leaf .. ".key")
end

-- A table of `argv` and whatever else is given; lists are spread, nil and
-- false left out: `needed and {"--ca", root}`.
local function arguments(...)
  local argv = {}
  for i = 1, select("#", ...) do
    local item = select(i, ...)
    if type(item) == "table" then
      for _, word in ipairs(item) do argv[#argv + 1] = word end
    elseif item then
      argv[#argv + 1] = item
    end
  end
  return argv
end

-- `text` with the leaf's certificate and key in its two "%s", for each leaf.
local function for_each(leaves, text)
  local parts = {}
  for i, leaf in ipairs(leaves) do parts[i] = text:format(certificate(leaf)) end
  return table.concat(parts)
end

-- Limits: in neither version OCSP.
local function no_ocsp(why, limits)
  limits = limits or {}
  for _, version in ipairs { "1.2", "1.3" } do limits[version .. " OCSP"] = { keys = {}, why = why } end
  return limits
end

-- The environment of a program over OpenSSL that accepts one kind of key.
local SIGALGS = { rsa = "RSA-PSS+SHA256:RSA+SHA256", ecdsa = "ECDSA+SHA256", ed25519 = "ed25519" }
local function accepting(cell)
  return cell.accepts and { OPENSSL_CONF = helpers.temp_file(([[
openssl_conf = config
[config]
ssl_conf = modules
[modules]
system_default = settings
[settings]
SignatureAlgorithms = %s
]]):format(SIGALGS[cell.accepts])) }
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
    local client
    for _ = 1, 200 do  -- a probe would be a client that says nothing: it comes when there is somebody
      client = socket.connect("127.0.0.1", tonumber(port))
      if client then break end
      socket.sleep(0.05)
    end
    assert(client, "nobody listens"):settimeout(10)
    client:send(text .. "\n")
    assert(client:receive() == text)
    client:close()
  ]], port, text)
end

local ALPN, ASKS = "1.3 ALPN", "1.3 post-handshake authentication"

local function cannot(why)
  return { keys = {}, why = why }
end

-- Commands of s_server's stand in a block of their own.
local function openssl_asks(process, conn, try)
  assert(conn:send "first\n")
  process:expect "first"
  process:write "c\n"
  assert(#socket.select({ conn }, nil, 10) == 1, "it does not ask")
  process:write "asked\n"
  assert(conn:receive() == "asked")  -- which reads the request too
  process:expect("(CN = " .. try.client:gsub("%-", "%%-") .. ")\n")
  process:write "seen\n"
  assert(assert(conn:receive()) == "seen")
end

peers[#peers + 1] = {
  name = "OpenSSL", program = "openssl",
  limits = { server = { ["1.2 several keys"] = {
    keys = { "rsa", "ecdsa" },
    why = "s_server's checks of a certificate by `-xcert` never let Ed25519 through in TLS 1.2",
  } } },
  serve = function(cell)
    local argv = arguments("-tls" .. short(cell.version):gsub("%.", "_"),
      cell.asks and { "-num_tickets", 0, "-verify_return_error", "-CAfile", roots } or "-rev",
      cell.alpn and { "-alpn", "echo" }, cell.demands and { "-Verify", 1, "-verify_return_error", "-CAfile", roots },
      cell.ocsp and { "-status_file", cell.ocsp })
    for i = 1, #cell.leaves > 1 and #cell.leaves or 0 do  -- they replace "-cert"
      local cert, key = certificate(cell.leaves[i])
      argv = arguments(argv, "-xcert", cert, "-xkey", key)
    end
    local process = helpers.s_server { cert = cell.leaves[1], arguments = argv }
    process.asks = openssl_asks
    return process, "reverse"
  end,
  visit = function(cell, port, text)
    local cert, key = certificate(cell.client or "")
    local function connect(...)
      local process = helpers.s_client(port, {
        arguments = arguments("-tls" .. short(cell.version):gsub("%.", "_"), "-CAfile", roots,
          cell.alpn and { "-alpn", "other,echo" } or { cell.ocsp and "-status" or "-quiet", "-no_ign_eof" },
          cell.asks and "-enable_pha", cell.client and { "-cert", cert, "-key", key }, ...),
        env = accepting(cell),
      })
      if cell.ocsp then process:expect "(Cert Status: good)" end
      process:write(text .. "\n")
      process:expect(text)
      process:close_input()
      process.told = cell.alpn and "ALPN protocol: echo\n"
      return process, "echo"
    end
    if not cell.twice then return connect() end
    local kept = helpers.temp_name()
    connect("-sess_out", kept):wait(20)
    return connect("-sess_in", kept)
  end,
}

local SIGNATURES = {
  rsa = ":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256", ecdsa = ":+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SHA256",
  ed25519 = ":+SIGN-EDDSA-ED25519",
}

local function priority(cell)
  return "NORMAL:-VERS-ALL:+VERS-TLS" .. short(cell.version)
    .. (cell.accepts and ":-SIGN-ALL" .. SIGNATURES[cell.accepts] or "")
end

peers[#peers + 1] = {
  name = "GnuTLS", program = "gnutls-serv",
  limits = {
    server = { [ASKS] = cannot "gnutls-serv asks in the handshake alone" },
    client = { ["1.3 resumption"] = cannot "gnutls-cli wants a ticket before any data, and ours go with the first" },
  },
  serve = function(cell)
    local port = helpers.free_port()
    local argv = arguments("gnutls-serv", "--echo", "-p", port, "--priority", priority(cell),
      cell.demands and { "--require-client-cert", "--verify-client-cert", "--x509cafile", roots }
      or "--disable-client-cert", cell.alpn and { "--alpn", "echo", "--alpn-fatal" },
      cell.ocsp and { "--ocsp-response", cell.ocsp, "--ignore-ocsp-response-errors" })
    for _, leaf in ipairs(cell.leaves) do
      local cert, key = certificate(leaf)
      argv = arguments(argv, "--x509certfile", cert, "--x509keyfile", key)
    end
    return listening(helpers.spawn(argv), port), "echo"
  end,
  visit = function(cell, port, text)
    local cert, key = certificate(cell.client or "")
    local process = helpers.spawn(arguments("gnutls-cli", "--x509cafile", roots, "--priority", priority(cell),
      "-p", port, cell.alpn and { "--alpn", "other", "--alpn", "echo" }, cell.asks and "--post-handshake-auth",
      cell.client and { "--x509certfile", cert, "--x509keyfile", key }, cell.ocsp and "--ocsp",
      cell.twice and "--resume", "localhost"), { input = true })
    if cell.ocsp then process:expect "(OCSP status request)" end
    process:write(text .. "\n")
    process:expect("\n" .. text)
    process:close_input()
    process.told = cell.alpn and "Application protocol: echo\n"
    return process, "echo"
  end,
}

local function python_asks(process, conn, try)
  assert(conn:send "first\n")
  assert(conn:receive() == "asked")
  assert(conn:send "second\n")
  assert(conn:receive() == "second")
  process:expect("shown by " .. try.client:gsub("%-", "%%-") .. "\n")
end

peers[#peers + 1] = {
  name = "Python", program = "python3",
  limits = { server = no_ocsp "its module ssl has no OCSP", client = no_ocsp "its module ssl has no OCSP" },
  serve = function(cell)
    local version = cell.version:gsub("%.", "_")
    local argv = { "--min", version, "--max", version }
    for i = 2, #cell.leaves do argv = arguments(argv, "--cert", helpers.file(cell.leaves[i] .. ".pem")) end
    argv = arguments(argv, (cell.demands or cell.asks) and { "--ca", roots, "--verify", "required" },
      cell.alpn and { "--alpn", "echo" }, cell.asks and "--pha")
    local process = helpers.python_server(cell.asks and "ask" or "echo", { cert = cell.leaves[1], arguments = argv })
    process.asks = python_asks
    return process, "echo"
  end,
  visit = function(cell, port)
    local version = cell.version:gsub("%.", "_")
    local process = helpers.python_client(port, "echo", {
      arguments = arguments("--ca", roots, "--min", version, "--max", version, cell.alpn and { "--alpn", "other,echo" },
        cell.asks and "--pha", cell.client and { "--cert", helpers.file(cell.client .. ".pem") },
        cell.twice and "--twice"),
      env = accepting(cell),
    })
    process.told = cell.alpn and "alpn=echo\n"
    return process, "echo"
  end,
}

peers[#peers + 1] = {
  name = "curl", program = "curl", protocol = "http/1.1",
  visit = function(cell, port, text)
    local version = short(cell.version)
    local process = helpers.spawn(arguments("curl", "-sSv", "--cacert", roots, "--tlsv" .. version, "--tls-max",
      version, "--noproxy", "*", cell.ocsp and "--cert-status",
      cell.client and { "--cert", helpers.file(cell.client .. ".pem") },
      ("https://localhost:%d/page"):format(port), cell.twice and ("https://localhost:%d/page"):format(port)),
      { env = accepting(cell) })
    process.expected = text
    process.told = cell.alpn and "ALPN: server accepted http/1.1\n"
    return process, "http"
  end,
}

-- nginx in the foreground, with a configuration of its own.
local function nginx(body, env)
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
  return helpers.spawn({ "nginx", "-p", directory, "-c", file }, { env = env })
end

peers[#peers + 1] = {
  name = "nginx", program = "nginx", protocol = "http/1.1",
  limits = { server = { [ASKS] = cannot "asks in the handshake alone" },
    client = no_ocsp("it asks upstream servers for no response", {
      [ALPN] = cannot "its proxy offers no protocol", [ASKS] = cannot "says that it cannot be asked" }) },
  serve = function(cell)
    local port = helpers.free_port()
    local verify = cell.demands and ("ssl_client_certificate %s; ssl_verify_client on;"):format(roots) or ""
    return listening(nginx(([[server { listen 127.0.0.1:%d ssl; %s %s ssl_protocols %s; %s
      location / { return 200 "the page\n"; } }]]):format(port,
      for_each(cell.leaves, "ssl_certificate %s; ssl_certificate_key %s; "), verify, cell.version,
      cell.ocsp and ("ssl_stapling on; ssl_stapling_file %s;"):format(cell.ocsp) or "")), port), "http"
  end,
  visit = function(cell, port, text)
    local front = helpers.free_port()
    local proxy = listening(nginx(([[server { listen 127.0.0.1:%d; location / {
      proxy_pass https://127.0.0.1:%d; proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_server_name on;
      proxy_ssl_trusted_certificate %s; proxy_ssl_protocols %s; %s } }]]):format(front, port, roots, cell.version,
      for_each({ cell.client }, "proxy_ssl_certificate %s; proxy_ssl_certificate_key %s;")), accepting(cell)), front)
    if cell.twice then
      helpers.spawn({ "curl", "-sS", "--noproxy", "*", ("http://127.0.0.1:%d/page"):format(front) }):wait(20)
    end
    local process = helpers.spawn { "curl", "-sS", "--noproxy", "*", ("http://127.0.0.1:%d/page"):format(front) }
    process.expected, process.behind = text, proxy
    return process, "http"
  end,
}

local function haproxy(body, env)
  return helpers.spawn({ "haproxy", "-db", "-q", "-f", helpers.temp_file(([[
global
  nbthread 1
defaults
  mode tcp
  timeout connect 5s
  timeout client 10s
  timeout server 10s
%s]]):format(body)) }, { env = env })
end

peers[#peers + 1] = {
  name = "haproxy", program = "haproxy",
  limits = { client = no_ocsp("it asks other servers for no response", { [ASKS] = cannot
    "says that it cannot be asked" }), server = { [ASKS] = cannot "asks in the handshake alone",
    ["1.3 several keys"] = {
    keys = { "rsa", "ed25519" },
    why = "2.6 takes the ECDSA certificate only for a cipher suite that names ECDSA, "
      .. "as none of TLS 1.3 does (its issue 2300)",
  } } },
  serve = function(cell)
    local port, behind = helpers.free_port(), clear_echo()
    local settings = arguments(cell.demands and { "verify", "required", "ca-file", roots },
      cell.alpn and { "alpn", "echo" })
    for _, leaf in ipairs(cell.leaves) do
      local file = helpers.file(leaf .. ".pem")
      if cell.ocsp then  -- it looks for the names of the certificate with other ends
        local content = helpers.read_file(file)
        file = helpers.temp_name() .. ".pem"
        helpers.write_file(file, content)
        helpers.write_file(file .. ".ocsp", helpers.read_file(cell.ocsp))
        helpers.write_file(file .. ".issuer", helpers.read_file(helpers.file "root.crt"))
      end
      settings = arguments(settings, "crt", file)
    end
    local process = listening(haproxy(([[
listen l
  bind 127.0.0.1:%d ssl %s ssl-min-ver %s ssl-max-ver %s
  server s 127.0.0.1:%d
]]):format(port, table.concat(settings, " "), cell.version, cell.version, behind.port)), port)
    process.behind = behind
    return process, "echo"
  end,
  visit = function(cell, port, text)
    local front = helpers.free_port()
    local proxy = haproxy(([[
listen l
  bind 127.0.0.1:%d
  default-server ssl verify required sni str(localhost) verifyhost localhost
  server s 127.0.0.1:%d ca-file %s ssl-min-ver %s ssl-max-ver %s %s
]]):format(front, port, roots, cell.version, cell.version,
      table.concat(arguments(cell.client and { "crt", helpers.file(cell.client .. ".pem") },
        cell.alpn and { "alpn", "other,echo" }), " ")), accepting(cell))
    if cell.twice then clear_visit(front, text):wait(20) end
    local process = clear_visit(front, text)
    process.behind = proxy
    return process, "echo"
  end,
}

local function stunnel(body, env)
  return helpers.spawn({ "stunnel4", helpers.temp_file("foreground = yes\npid =\n" .. body) }, { env = env })
end

peers[#peers + 1] = {
  name = "stunnel", program = "stunnel4",
  limits = { server = no_ocsp("it staples only what it has fetched itself", { [ALPN] = cannot "knows no ALPN",
    [ASKS] = cannot "asks in the handshake alone" }), client = no_ocsp("it asks responders, not servers", {
    [ALPN] = cannot "knows no ALPN", [ASKS] = cannot "says that it cannot be asked" }) },
  serve = function(cell)
    local port, behind = helpers.free_port(), clear_echo()
    local process = listening(stunnel(([[
[l]
accept = 127.0.0.1:%d
connect = 127.0.0.1:%d
sslVersion = %s
%s%s%s]]):format(port, behind.port, cell.version, for_each({ cell.leaves[1] }, "cert = %s\nkey = %s\n"),
      for_each({ select(2, unpack(cell.leaves)) }, "config = Certificate:%s\nconfig = PrivateKey:%s\n"),
      cell.demands and ("CAfile = %s\nverifyChain = yes\n"):format(roots) or "")), port)
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
%s]]):format(front, port, roots, cell.version, for_each({ cell.client }, "cert = %s\nkey = %s\n")), accepting(cell))
    proxy:expect "Configuration successful"
    if cell.twice then clear_visit(front, text):wait(20) end
    local process = clear_visit(front, text)
    process.behind = proxy
    return process, "echo"
  end,
}

local function leaf_files(leaves)
  local names = {}
  for i, leaf in ipairs(leaves) do names[i] = helpers.file(leaf) end
  return table.concat(names, ",")
end

local SCHEMES = {
  rsa = "rsa_pss_rsae_sha256,rsa_pkcs1_sha256", ecdsa = "ecdsa_secp256r1_sha256", ed25519 = "ed25519",
}

peers[#peers + 1] = {
  name = "Node", program = "node", large = true,
  limits = { server = { [ASKS] = cannot "asks in the handshake alone" },
    client = no_ocsp("it gives the response to the program, which has no function to judge it", {
      [ASKS] = cannot "says that it cannot be asked" }) },
  serve = function(cell)
    local process = helpers.spawn { "node", "spec/interop/echo.js", "serve", cell.version, leaf_files(cell.leaves),
      cell.demands and roots or "", cell.alpn and "echo" or "", cell.ocsp or "" }
    process.port = tonumber(process:expect "ready (%d+)")
    return process, "echo"
  end,
  visit = function(cell, port, text)
    return helpers.spawn { "node", "spec/interop/echo.js", "visit", cell.version, leaf_files { cell.client }, roots,
      cell.alpn and "other,echo" or "", port, text, SIGALGS[cell.accepts] or "", cell.twice and "twice" or "" }, "echo"
  end,
}

peers[#peers + 1] = {
  name = "Java", program = "java", large = true,
  limits = { server = no_ocsp("it staples only what it has fetched itself", { [ASKS] = cannot
    "asks in the handshake alone" }), client = { [ASKS] = cannot "says that it cannot be asked" } },
  serve = function(cell)
    local process = helpers.spawn { "java", "spec/interop/Echo.java", "serve", cell.version, leaf_files(cell.leaves),
      cell.demands and roots or "", cell.alpn and "echo" or "" }
    process.port = tonumber(process:expect("ready (%d+)", 25))
    return process, "echo"
  end,
  visit = function(cell, port, text)
    return helpers.spawn(arguments("java",
      cell.accepts and "-Djdk.tls.client.SignatureSchemes=" .. SCHEMES[cell.accepts],
      cell.ocsp and "-Dcom.sun.net.ssl.checkRevocation=true", "spec/interop/Echo.java",
      "visit", cell.version, leaf_files { cell.client }, roots, cell.alpn and "other,echo" or "", port, text,
      cell.twice and "twice")), "echo"
  end,
}

return peers
