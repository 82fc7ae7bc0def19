-- Misuse raises, and the error names the line of the program, whichever layer
-- of ours finds it, and what is wrong there. A public name without a row fails.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local core = require "luassl.core"
local https = require "luassl.https"
local ssl = require "luassl"

local HOST, PORT = "127.0.0.1", 1  -- nobody gets that far

-- What the calls of the rows work on: made for each test.
local function make()
  local o = {}
  o.near, o.far = helpers.sockets()
  o.context = assert(ssl.SSLContext {ca_certs = helpers.file "root.crt"})
  o.checking = assert(ssl.create_default_context {ca_certs = helpers.file "root.crt"})
  o.unused = assert(ssl.SSLContext())
  o.server_context = assert(ssl.SSLContext {server_side = true, certfile = helpers.file "rsa.pem"})
  o.conn = assert(o.context:wrap_socket(o.near, {do_handshake_on_connect = false}))
  o.fresh = assert(o.context:wrap_socket(socket.tcp()))
  o.server = assert(o.server_context:wrap_socket(socket.tcp()))
  o.listener = socket.bind(HOST, 0)
  o.client_tls, o.server_tls = helpers.pair {client = {maximum_version = "TLSv1.2"}}
  assert(helpers.handshake(o.client_tls, o.server_tls))
  o.object, o.session = o.client_tls, assert(o.client_tls:session())
  o.certificate = assert(o.object:peer_certificate())
  local carrier = {read = function() return nil, "timeout" end, write = function() return true end}
  local later = {do_handshake_on_connect = false}
  o.stream = assert(o.context:wrap_stream(carrier, later))
  o.server_stream = assert(o.server_context:wrap_stream(carrier, later))
  o.sock = socket.tcp()
  o.client = https.client()
  o.closed_file = io.tmpfile()
  o.closed_file:close()
  o.err = select(2, ssl.RAND_egd "/nonexistent/socket")
  return o
end

local function close(o)
  for _, name in ipairs {"conn", "fresh", "server", "listener", "client_tls", "server_tls", "sock", "far",
    "stream", "server_stream"} do
    o[name]:close()
  end
end

local NUMBER, STRING, TABLE = "number expected", "string expected", "table expected"

-- name = what each call's error says, and the call, all of it in one line.
local rows = {}

rows.ssl = {
  DER_cert_to_PEM_cert = {{"#1", function() ssl.DER_cert_to_PEM_cert() end}},
  PEM_cert_to_DER_cert = {{"#1", function() ssl.PEM_cert_to_DER_cert {} end}},
  new_ticket_key = {},
  load_session = {
    {"#1 to 'load_session' (" .. STRING, function() ssl.load_session({}, ("x"):rep(32)) end},
    {"#2 to 'load_session' (" .. STRING, function() ssl.load_session "x" end},
    {"#2 to 'load_session' (key of 32 bytes", function() ssl.load_session("x", "x") end},
  },
  load_certificates = {
    {"#1 to 'load_certificates' (" .. STRING, function() ssl.load_certificates() end},
    {"#1 to 'load_certificates' (" .. STRING, function() ssl.load_certificates(1) end},
  },
  cert_time_to_seconds = {{"#1", function() ssl.cert_time_to_seconds(1) end}},
  RAND_add = {
    {"#1", function() ssl.RAND_add({}, 1) end},
    {"#2", function() ssl.RAND_add("x", -1) end},
  },
  RAND_bytes = {{"#1", function() ssl.RAND_bytes(-1) end}, {"#1", function() ssl.RAND_bytes "x" end}},
  RAND_egd = {{"#1 to 'RAND_egd' (string", function() ssl.RAND_egd {} end}},
  RAND_status = {}, get_default_verify_paths = {},
  http_connect = {
    {"#1 to 'http_connect' (socket, stream or transport", function() ssl.http_connect({}, "x", 1) end},
    {"#2 to 'http_connect' (" .. STRING, function(o) ssl.http_connect(o.sock, nil, 1) end},
    {"#2 to 'http_connect' (a host's", function(o) ssl.http_connect(o.sock, "x\r\ny", 1) end},
    {"#3 to 'http_connect' (integer", function(o) ssl.http_connect(o.sock, "x", 0) end},
    {"#4 to 'http_connect' (" .. TABLE, function(o) ssl.http_connect(o.sock, "x", 1, 2) end},
    {"unknown option 'usr'", function(o) ssl.http_connect(o.sock, "x", 1, {usr = "x"}) end},
    {"option 'user' must", function(o) ssl.http_connect(o.sock, "x", 1, {user = 1}) end},
    {"option 'user' must have no colon", function(o) ssl.http_connect(o.sock, "x", 1, {user = "x:y"}) end},
    {"option 'password' needs 'user'", function(o) ssl.http_connect(o.sock, "x", 1, {password = "x"}) end},
    {"option 'timeout' must", function(o) ssl.http_connect(o.sock, "x", 1, {timeout = 0}) end},
    {"option 'headers'", function(o) ssl.http_connect(o.sock, "x", 1, {headers = {["a b"] = "x"}}) end},
    {"no control characters", function(o) ssl.http_connect(o.sock, "x", 1, {headers = {a = "x\n"}}) end},
    {"no control characters", function(o) ssl.http_connect(o.sock, "x", 1, {authorization = "x\n"}) end},
  },
  SSLContext = {
    {"#1 to 'SSLContext' (table", function() ssl.SSLContext(1) end},
    {"did you mean 'certfile'", function() ssl.SSLContext {cerfile = "x"} end},
    {"option 'cert_reqs' must be", function() ssl.SSLContext {cert_reqs = 9} end},
  },
  create_default_context = {
    {"#1 to 'create_default_context' (table", function() ssl.create_default_context(1) end},
    {"create_default_context: unknown option 'cerfile'", function() ssl.create_default_context {cerfile = "x"} end},
    {"create_default_context: option 'nodelay' must", function() ssl.create_default_context {nodelay = 1} end},
    {"unknown option 'server_hostname'", function() ssl.create_default_context {server_hostname = "x"} end},
    {"create_default_context: options must be", function()
      ssl.create_default_context(setmetatable({}, {__index = {}})) end, 1},
  },
  verify = {
    {"#1 to 'verify' (string, Certificate or list", function() ssl.verify() end},
    {"#1 to 'verify' (must hold strings", function() ssl.verify {1} end},
    {"#2 to 'verify' (table", function() ssl.verify("x", 1) end},
    {"unknown option 'rots' (did you mean 'roots'?)", function() ssl.verify("x", {rots = "x"}) end},
    {"unknown option 'certfile'", function() ssl.verify("x", {certfile = "x"}) end},
    {"option 'roots' must be", function() ssl.verify("x", {roots = 1}) end},
    {"option 'purpose' must be any, smimeencrypt", function() ssl.verify("x", {purpose = "x"}) end},
    {"option 'verify_flags' must hold names of", function() ssl.verify("x", {verify_flags = {"x"}}) end},
    {"option 'name' is for clients", function() ssl.verify("x", {name = "x", server_side = true}) end},
  },
  wrap_socket = {
    {"#1 to 'wrap_socket' (LuaSocket", function() ssl.wrap_socket() end},
    {"#1 to 'wrap_socket' (LuaSocket", function() ssl.wrap_socket({}, {}) end},
    {"#1 to 'wrap_socket' (LuaSocket", function(o) ssl.wrap_socket(o.fresh) end},
    {"#2 to 'wrap_socket' (table", function(o) ssl.wrap_socket(o.sock, 1) end},
    {"wrap_socket: unknown option 'server_hostnme' (did you mean 'server_hostname'?)",
      function(o) ssl.wrap_socket(o.sock, {server_hostnme = "x"}) end},
    {"wrap_socket: unknown option 'cerfile' (did you mean 'certfile'?)",
      function(o) ssl.wrap_socket(o.sock, {cerfile = "x"}) end},
    {"wrap_socket: unknown option 'contxt' (did you mean 'context'?)",
      function(o) ssl.wrap_socket(o.sock, {contxt = o.context}) end},
    {"wrap_socket: unknown option 'timout'", function(o) ssl.wrap_socket(o.sock, {timout = 1}) end},
    {"wrap_socket: unknown option 'timeout'", function(o) ssl.wrap_socket(o.sock, {timeout = 1}) end},
    {"wrap_socket: option 'nodelay' must", function(o) ssl.wrap_socket(o.sock, {nodelay = 1}) end},
    {"wrap_socket: option 'ca_certs' must", function(o) ssl.wrap_socket(o.sock, {ca_certs = 1}) end},
    {"option 'server_side' needs 'certfile'", function(o) ssl.wrap_socket(o.sock, {server_side = true}) end},
    {"option 'ca_certs' belongs to the context",
      function(o) ssl.wrap_socket(o.sock, {context = o.context, ca_certs = "x"}) end},
    {"option 'context' must be an SSLContext", function(o) ssl.wrap_socket(o.sock, {context = 1}) end},
    {"option 'context' must be an SSLContext",
      function(o) ssl.wrap_socket(o.sock, {context = {}, server_hostname = "x"}) end},
    {"option 'server_side' does not fit", function(o)
      ssl.wrap_socket(o.sock, {context = o.context, server_side = true}) end, 1},
    {"server_side=true", function(o) ssl.wrap_socket(o.listener) end},
    {"option 'check_hostname' needs cert_reqs", function(o) ssl.wrap_socket(o.far, {check_hostname = true}) end},
    {"check_hostname needs a server_hostname", function(o) ssl.wrap_socket(o.far, {context = o.checking}) end},
  },
  connect = {
    {"connect: host", function() ssl.connect(nil, PORT) end},
    {"connect: port", function() ssl.connect(HOST) end},
    {"connect: port", function() ssl.connect(HOST, 65536) end},
    {"#3 to 'connect' (table", function() ssl.connect(HOST, PORT, 1) end},
    {"connect: unknown option 'cerfile'", function() ssl.connect(HOST, PORT, {cerfile = "x"}) end},
    {"connect: unknown option 'server_hostnme'", function() ssl.connect(HOST, PORT, {server_hostnme = "x"}) end},
    {"connect: unknown option 'timout' (did you mean 'timeout'?)",
      function() ssl.connect(HOST, PORT, {timout = 1}) end},
    {"connect: option 'timeout' must", function() ssl.connect(HOST, PORT, {timeout = 0}) end},
    {"connect: option 'nodelay' must", function() ssl.connect(HOST, PORT, {nodelay = 1}) end},
    {"connect: option 'ca_certs' must", function() ssl.connect(HOST, PORT, {ca_certs = 1}) end},
    {"connect: option 'server_hostname' must", function() ssl.connect(HOST, PORT, {server_hostname = 1}) end},
    {"connect: option 'session' must", function() ssl.connect(HOST, PORT, {session = 1}) end},
    {"connect: option 'server_side'", function() ssl.connect(HOST, PORT, {server_side = true}) end},
    {"connect: option 'context' must be an SSLContext", function() ssl.connect(HOST, PORT, {context = 1}) end},
    {"option 'context' is for the server", function(o) ssl.connect(HOST, PORT, {context = o.server_context}) end},
    {"option 'ca_certs' belongs", function(o) ssl.connect(HOST, PORT, {context = o.context, ca_certs = "x"}) end},
  },
  get_server_certificate = {
    {"#1 to 'get_server_certificate'", function() ssl.get_server_certificate(1) end},
    {"get_server_certificate: host", function() ssl.get_server_certificate {} end},
    {"get_server_certificate: port", function() ssl.get_server_certificate {HOST} end},
    {"#2 to 'get_server_certificate'", function() ssl.get_server_certificate({HOST, PORT}, 1) end},
    {"get_server_certificate: unknown option", function() ssl.get_server_certificate({HOST, PORT}, {cafile = 1}) end},
    {"option 'timeout' must", function() ssl.get_server_certificate({HOST, PORT}, {timeout = "x"}) end},
    {"option 'server_side'", function() ssl.get_server_certificate({HOST, PORT}, {server_side = true}) end},
    {"option 'ssl_version' must", function() ssl.get_server_certificate({HOST, PORT}, {ssl_version = "x"}) end},
    {"'check_hostname' needs", function() ssl.get_server_certificate({HOST, PORT}, {check_hostname = true}) end},
    {"option 'server_hostname' must", function() ssl.get_server_certificate({HOST, PORT}, {server_hostname = 1}) end},
    {"unknown option 'context'", function(o) ssl.get_server_certificate({HOST, PORT}, {context = o.context}) end},
  },
  poll = {
    {"poll: list of sockets", function() ssl.poll(1) end},
    {"poll: list of sockets", function() ssl.poll(nil, "x") end},
    {"poll: socket expected", function() ssl.poll {1} end},
    {"poll: socket expected", function() ssl.poll(nil, {{}}) end},
    {"poll: timeout", function() ssl.poll({}, {}, "x") end},
    {"poll: timeout", function() ssl.poll({}, {}, 0 / 0) end},
  },
}

rows.SSLContext = {
  cert_store_stats = {}, get_ca_certs = {},
  counters = {},
  get = {
    {"#1 to 'get'", function(o) o.context:get() end},
    {"unknown option", function(o) o.context:get "cerfile" end},
  },
  reload = {
    {"#1 to 'reload' (" .. TABLE, function(o) o.context:reload(1) end},
    {"unknown option 'cerfile'", function(o) o.context:reload {cerfile = "x"} end},
    {"option 'certfile' must", function(o) o.context:reload {certfile = 1} end},
    {"option 'nodelay' is not for reload", function(o) o.context:reload {nodelay = true} end},
    {"option 'certificates[1].cert' must", function(o) o.context:reload {certificates = {{cert = 1}}} end},
  },
  set = {
    {"#1 to 'set' (" .. TABLE, function(o) o.context:set() end},
    {"unknown option 'cerfile'", function(o) o.unused:set {cerfile = "x"} end},
  },
  set_ticket_keys = {
    {"calling 'set_ticket_keys' on bad self (ticket keys are a server's", function(o)
      o.context:set_ticket_keys {("x"):rep(80)} end, 1},
    {"#1 to 'set_ticket_keys' (" .. TABLE, function(o) o.server_context:set_ticket_keys() end},
    {"#1 to 'set_ticket_keys' (list of 1 to 64 keys", function(o) o.server_context:set_ticket_keys {} end},
    {"#1 to 'set_ticket_keys' (key 1 is no string of 80 bytes", function(o)
      o.server_context:set_ticket_keys {"x"} end, 1},
  },
  warnings = {},
  wrap_fd = {
    {"#1 to 'wrap_fd' (" .. NUMBER, function(o) o.context:wrap_fd() end},
    {"#1 to 'wrap_fd' (" .. NUMBER, function(o) o.context:wrap_fd(o.far) end},
    {"#1 to 'wrap_fd' (descriptor expected", function(o) o.context:wrap_fd(-1) end},
    {"#1 to 'wrap_fd' (descriptor expected", function(o) o.context:wrap_fd(1.5) end},
    {"#1 to 'wrap_fd' (no open descriptor", function(o) o.context:wrap_fd(987654) end},
    {"#1 to 'wrap_fd' (descriptor of no socket", function(o) o.context:wrap_fd(1) end},
    {"#2 to 'wrap_fd' (table", function(o) o.context:wrap_fd(o.far:getfd(), 1) end},
    {"unknown option 'server_hostnme'", function(o) o.context:wrap_fd(o.far:getfd(), {server_hostnme = "x"}) end},
    {"option 'server_side' must be true", function(o) o.context:wrap_fd(o.listener:getfd()) end},
    {"check_hostname needs a server_hostname", function(o) o.checking:wrap_fd(o.far:getfd()) end},
  },
  wrap_stream = {
    {"#1 to 'wrap_stream' (table with read and write", function(o) o.context:wrap_stream() end},
    {"#1 to 'wrap_stream' (table with read and write", function(o) o.context:wrap_stream {read = print} end},
    {"#1 to 'wrap_stream' (table with read and write", function(o) o.context:wrap_stream "x" end},
    {"#2 to 'wrap_stream' (table", function(o) o.context:wrap_stream(o.far, 1) end},
    {"unknown option 'server_hostnam'", function(o) o.context:wrap_stream(o.far, {server_hostnam = "x"}) end},
    {"check_hostname needs a server_hostname", function(o) o.checking:wrap_stream(o.far) end},
  },
  wrap_object = {
    {"#1 to 'wrap_object'", function(o) o.context:wrap_object(1) end},
    {"unknown option 'server_hostnam'", function(o) o.context:wrap_object {server_hostnam = "x"} end},
    {"check_hostname needs a server_hostname", function(o) o.checking:wrap_object() end},
  },
  wrap_socket = {
    {"#1 to 'wrap_socket' (LuaSocket", function(o) o.context:wrap_socket() end},
    {"#1 to 'wrap_socket' (LuaSocket", function(o) o.context:wrap_socket(o.fresh) end},
    {"#2 to 'wrap_socket' (table", function(o) o.context:wrap_socket(o.sock, 1) end},
    {"unknown option 'server_hostnme'", function(o) o.context:wrap_socket(o.sock, {server_hostnme = "x"}) end},
    {"option 'nodelay' must", function(o) o.context:wrap_socket(o.sock, {nodelay = 1}) end},
    {"option 'server_side' does not fit", function(o) o.context:wrap_socket(o.sock, {server_side = true}) end},
    {"server_side=true", function(o) o.context:wrap_socket(o.listener) end},
    {"check_hostname needs a server_hostname", function(o) o.checking:wrap_socket(o.far) end},
  },
}

-- Of both types.
local function connection_rows(at)
  return {
    cipher = {}, close = {}, dirty = {}, do_handshake = {}, dohandshake = {}, peer_certificate = {}, pending = {},
    authenticated_by = {}, getpeercert = {}, selected_alpn_protocol = {}, server_hostname = {}, session = {},
    early_data_accepted = {}, psk_identity = {}, session_reused = {}, local_certificate = {}, peer_chain = {},
    verified_chain = {}, verify_errors = {}, compression = {}, group = {}, info = {}, ocsp_response = {},
    shared_ciphers = {}, tlsa_match = {},
    peer_public_key = {
      {"#1 to 'peer_public_key' (expected", function(o) o[at]:peer_public_key "DER" end},
      {"#1 to 'peer_public_key' (" .. STRING, function(o) o[at]:peer_public_key {} end},
    },
    export_keying_material = {
      {"#1 to 'export_keying_material' (" .. STRING, function(o) o[at]:export_keying_material({}, 1) end},
      {"#1 to 'export_keying_material' (must not be empty", function(o) o[at]:export_keying_material("", 1) end},
      {"(longer than 249 bytes", function(o) o[at]:export_keying_material(("x"):rep(250), 1) end},
      {"#2 to 'export_keying_material' (" .. NUMBER, function(o) o[at]:export_keying_material "x" end},
      {"(integer from 1 to 4096", function(o) o[at]:export_keying_material("x", 0) end},
      {"(integer from 1 to 4096", function(o) o[at]:export_keying_material("x", 4097) end},
      {"(integer from 1 to 4096", function(o) o[at]:export_keying_material("x", 1.5) end},
      {"(integer from 1 to 4096", function(o) o[at]:export_keying_material("x", 0 / 0) end},
      {"#3 to 'export_keying_material' (" .. STRING, function(o) o[at]:export_keying_material("x", 1, {}) end},
      {"(longer than 65535 bytes", function(o) o[at]:export_keying_material("x", 1, ("x"):rep(65536)) end},
    },
    finished = {
      {"#1 to 'finished' (" .. STRING, function(o) o[at]:finished() end},
      {"#1 to 'finished' (invalid option \"x\"", function(o) o[at]:finished "x" end},
    },
    get_channel_binding = {
      {"#1 to 'get_channel_binding' (" .. STRING, function(o) o[at]:get_channel_binding() end},
      {"#1 to 'get_channel_binding' (invalid option \"tls\"", function(o) o[at]:get_channel_binding "tls" end},
    },
    signature_algorithm = {
      {"#1 to 'signature_algorithm' (" .. STRING, function(o) o[at]:signature_algorithm() end},
      {"#1 to 'signature_algorithm' (invalid option \"x\"", function(o) o[at]:signature_algorithm "x" end},
    },
    verify_result = {}, version = {}, want = {},
    read_early_data = {{"early data is read by servers", function(o) o[at]:read_early_data() end}},
    write_early_data = {
      {"#1 to 'write_early_data' (" .. STRING, function(o) o[at]:write_early_data() end},
      {"early data is written by clients", function(o) o.server_tls:write_early_data "x" end},
    },
    read = {
      {"#1 to 'read' (" .. NUMBER, function(o) o[at]:read {} end},
      {"#1 to 'read' (must not be negative", function(o) o[at]:read(-1) end},
    },
    receive = {
      {"#1 to 'receive' (invalid receive pattern", function(o) o[at]:receive "x" end},
      {"#1 to 'receive'", function(o) o[at]:receive {} end},
      {"#2 to 'receive'", function(o) o[at]:receive(1, {}) end},
    },
    send = {
      {"#1 to 'send' (" .. STRING, function(o) o[at]:send() end},
      {"#2 to 'send' (" .. NUMBER, function(o) o[at]:send("x", "y") end},
      {"#3 to 'send' (" .. NUMBER, function(o) o[at]:send("x", 1, {}) end},
    },
    shutdown = {{"#1 to 'shutdown'", function(o) o[at]:shutdown "x" end}},
    key_update = {
      {"#1 to 'key_update' (boolean", function(o) o[at]:key_update(1) end},
      {"#1 to 'key_update' (boolean", function(o) o[at]:key_update {request_peer = true} end},
    },
    verify_client_post_handshake = {
      {"calling 'verify_client_post_handshake' on bad self (a server's", function(o)
        o[at]:verify_client_post_handshake() end, 1},
      {"#1 to 'verify_client_post_handshake' (table", function(o) o.server_tls:verify_client_post_handshake(2) end},
      {"unknown option 'cert_req' (did you mean 'cert_reqs'?", function(o)
        o.server_tls:verify_client_post_handshake {cert_req = 2} end, 1},
      {"option 'cert_reqs' must", function(o)
        o.server_tls:verify_client_post_handshake {cert_reqs = 3} end, 1},
    },
    write = {{"#1 to 'write' (" .. STRING, function(o) o[at]:write() end}},
  }
end

rows.SSLObject = connection_rows "object"
rows.SSLObject.buffered, rows.SSLObject.unwrap = {}, {}
rows.SSLObject.drain = {{"#1 to 'drain'", function(o) o.object:drain(0) end}}
rows.SSLObject.feed = {
  {"#1 to 'feed'", function(o) o.object:feed() end},
  {"#1 to 'feed' (" .. STRING, function(o) o.object:feed {} end},
  {"#2 to 'feed' (false is no error", function(o) o.object:feed(nil, false) end},
}

-- Of what has a carrier of its own.
local function carried_rows(at)
  local more = connection_rows(at)
  more.lines = {
    {"#1 to 'lines' (invalid receive pattern", function(o) o[at]:lines "x" end},
    {"#1 to 'lines' (invalid receive pattern", function(o) o[at]:lines(0) end},
    {"#1 to 'lines' (invalid receive pattern", function(o) o[at]:lines {} end},
  }
  more.send_file = {
    {"#1 to 'send_file' (path or object with read expected, got nil", function(o) o[at]:send_file() end},
    {"#1 to 'send_file' (path or object with read expected, got table", function(o) o[at]:send_file {} end},
    {"#1 to 'send_file' (the file is closed", function(o) o[at]:send_file(o.closed_file) end},
    {"#2 to 'send_file' (integer from 0 on expected, got -1", function(o) o[at]:send_file("x", -1) end},
    {"#3 to 'send_file' (integer from 0 on expected, got 1.5", function(o) o[at]:send_file("x", 0, 1.5) end},
    {"#3 to 'send_file' (integer from 0 on expected, got string", function(o) o[at]:send_file("x", 0, "1") end},
  }
  more.setstats = {{"#1 to 'setstats'", function(o) o[at]:setstats "x" end}}
  more.settimeout = {
    {"#1 to 'settimeout'", function(o) o[at]:settimeout "x" end},
    {"#2 to 'settimeout'", function(o) o[at]:settimeout(1, "x") end},
  }
  return more
end

rows.SSLStream = carried_rows "stream"
for _, name in ipairs {"early_data_accepted", "read_early_data", "write_early_data"} do
  rows.SSLStream[name] = nil  -- not for streams
end
for _, name in ipairs {"getpeername", "getsockname", "getstats", "gettimeout", "unwrap"} do
  rows.SSLStream[name] = {}
end
rows.SSLStream.verify_client_post_handshake = {
  {"calling 'verify_client_post_handshake' on bad self (a server's", function(o)
    o.stream:verify_client_post_handshake() end, 1},
  {"#1 to 'verify_client_post_handshake' (table", function(o) o.server_stream:verify_client_post_handshake(2) end},
  {"unknown option 'cert_req' (did you mean 'cert_reqs'?", function(o)
    o.server_stream:verify_client_post_handshake {cert_req = 2} end, 1},
  {"option 'cert_reqs' must", function(o)
    o.server_stream:verify_client_post_handshake {cert_reqs = 3} end, 1},
}

rows.SSLSocket = carried_rows "conn"
for _, name in ipairs {
  "detach", "getfamily", "getfd", "getpeername", "getsockname", "getstats", "gettimeout", "unwrap",
} do
  rows.SSLSocket[name] = {}
end
rows.SSLSocket.accept = {
  {"accept works only on a socket that is not connected", function(o) o.conn:accept() end},
  {"accept needs a listening socket", function(o) o.server:accept() end},
}
rows.SSLSocket.bind = {
  {"bind works only on a socket that is not connected", function(o) o.conn:bind(HOST, 0) end},
  {"#1 to 'bind' (" .. STRING, function(o) o.fresh:bind({}, 0) end},
  {"#2 to 'bind' (" .. STRING, function(o) o.fresh:bind(HOST) end},
}
rows.SSLSocket.setsockname = {{"#1 to 'bind' (" .. STRING, function(o) o.fresh:setsockname() end}}
rows.SSLSocket.connect = {
  {"#1 to 'connect' (" .. STRING, function(o) o.fresh:connect() end},
  {"#2 to 'connect' (" .. STRING, function(o) o.fresh:connect(HOST, {}) end},
}
rows.SSLSocket.setpeername = {{"#1 to 'connect' (" .. STRING, function(o) o.fresh:setpeername() end}}
rows.SSLSocket.listen = {
  {"listen works only on a socket that is not connected", function(o) o.conn:listen() end},
  {"server_side=true", function(o) o.fresh:listen() end},
  {"#1 to 'listen' (" .. NUMBER, function(o) o.server:listen {} end},
}
rows.SSLSocket.getoption = {
  {"#1 to 'getoption' (" .. STRING, function(o) o.conn:getoption() end},
  {"#1 to 'getoption' (unsupported option", function(o) o.conn:getoption "x" end},
  {"#1 to 'getoption' (unsupported option", function(o) o.fresh:getoption "x" end},
  {"#1 to 'getoption' (unsupported option", function(o) o.conn:getoption "x\ny" end},
}
rows.SSLSocket.setoption = {
  {"#1 to 'setoption' (" .. STRING, function(o) o.conn:setoption() end},
  {"#1 to 'setoption' (unsupported option", function(o) o.conn:setoption("x", 1) end},
  {"#2 to 'setoption' (boolean", function(o) o.conn:setoption("keepalive", "x") end},
  {"#2 to 'setoption' (boolean", function(o) o.fresh:setoption("keepalive", "x") end},
}
rows.Certificate = {
  der = {}, serial = {}, pem = {}, text = {}, version = {}, key_bits = {}, key_curve = {}, key_type = {}, pin = {},
  signature_digest = {}, authority_key_id = {}, basic_constraints = {}, ca_issuers_urls = {},
  crl_urls = {}, extended_key_usage = {}, extensions = {}, key_usage = {}, ocsp_urls = {}, scts = {},
  subject_key_id = {},
  ocsp_request = {{"#1 to 'ocsp_request' (Certificate expected", function(o) o.certificate:ocsp_request() end},
    {"#1 to 'ocsp_request' (Certificate expected", function(o) o.certificate:ocsp_request "x" end}},
  signature_name = {{'(expected "long" or "short")', function(o) o.certificate:signature_name "x" end}},
  subject = {{'#1 to \'subject\' (expected "list", "oneline", "rfc2253" or "full")',
    function(o) o.certificate:subject "x" end}},
  issuer = {{"#1 to 'issuer' (" .. STRING, function(o) o.certificate:issuer {} end}},
  subject_alt_name = {{'(expected "pairs" or "full")', function(o) o.certificate:subject_alt_name "x" end}},
  issuer_alt_name = {{'(expected "pairs" or "full")', function(o) o.certificate:issuer_alt_name "x" end}},
  not_after = {{'(expected "text" or "seconds")', function(o) o.certificate:not_after "x" end}},
  not_before = {{"#1 to 'not_before' (" .. STRING, function(o) o.certificate:not_before {} end}},
  days_left = {
    {"#1 to 'days_left' (" .. NUMBER, function(o) o.certificate:days_left "x" end},
    {"finite number expected", function(o) o.certificate:days_left(1 / 0) end},
  },
  spki = {{'(expected "der" or "pem")', function(o) o.certificate:spki "x" end}},
  digest = {{"#1 to 'digest' (" .. STRING, function(o) o.certificate:digest {} end}},
  issued = {{"#1 to 'issued' (Certificate expected", function(o) o.certificate:issued "x" end}},
  matches_host = {{"#1 to 'matches_host' (" .. STRING, function(o) o.certificate:matches_host() end}},
  matches_ip = {{"#1 to 'matches_ip' (" .. STRING, function(o) o.certificate:matches_ip() end}},
}
rows.SSLSession = {
  id = {}, is_resumable = {}, lifetime = {}, max_early_data = {}, time = {}, version = {},
  save = {
    {"#1 to 'save' (" .. STRING, function(o) o.session:save() end},
    {"#1 to 'save' (key of 32 bytes", function(o) o.session:save(("x"):rep(33)) end},
  },
}

rows.SSLError = {
  is = {{"#1 to 'is'", function(o) o.err:is() end}},
  find = {{"#1 to 'find' (" .. STRING, function(o) o.err:find() end}},
  match = {{"#1 to 'match' (" .. STRING, function(o) o.err:match {} end}},
  gmatch = {{"#1 to 'gmatch' (" .. STRING, function(o) o.err:gmatch() end}},
  gsub = {{"#2 to 'gsub'", function(o) o.err:gsub "x" end}, {"malformed pattern", function(o) o.err:gsub("[", "") end}},
  sub = {{"#1 to 'sub' (" .. NUMBER, function(o) o.err:sub "x" end}},
  lower = {}, upper = {}, len = {}, format = {},
  __concat = {
    {"attempt to concatenate a nil value", function(o) return o.err .. nil end},
    {"attempt to concatenate a table value", function(o) return {} .. o.err end},
  },
  __tostring = {},
}

local URL = "https://localhost:1/"

rows.https = {
  request = {
    {"#1 to 'https.request' (URL or table expected, got nil", function() https.request() end},
    {"#2 to 'https.request' (" .. STRING, function() https.request(URL, {}) end},
    {"https.request: option 'url' is missing", function() https.request({}) end},
    {"https.request: unknown option 'tiemout'", function() https.request({url = URL, tiemout = 1}) end},
    {"unknown option 'create' (connect = ", function() https.request({url = URL, create = print}) end},
    {"option 'timeout' must be a number of seconds above 0", function() https.request({url = URL, timeout = 0}) end},
    {"option 'sink' must be a function", function() https.request({url = URL, sink = {}}) end},
    {"options 'body' and 'source'", function() https.request({url = URL, body = "x", source = print}) end},
    {"option 'method' is no method", function() https.request({url = URL, method = "GET /"}) end},
    {"option 'method' is no method", function() https.request({url = URL, method = "CONNECT"}) end},
    {"header's name is no token", function() https.request({url = URL, headers = {["a b"] = "x"}}) end},
    {"header 'a' has a line end", function() https.request({url = URL, headers = {a = "x\r\nb: y"}}) end},
    {"header 'a' has a line end", function() https.request({url = URL, headers = {a = "x\0"}}) end},
    {"header 'a' must be a string", function() https.request({url = URL, headers = {a = true}}) end},
    {"is there twice", function() https.request({url = URL, headers = {a = "x", A = "y"}}) end},
    {"'content-length' must be", function()
      https.request({url = URL, headers = {["Content-Length"] = -1}, body = "x"}) end, 1},
    {"exclude each other", function()
      https.request({url = URL, headers = {["Content-Length"] = 1, ["transfer-encoding"] = "chunked"}}) end, 1},
    {"must end in chunked", function()
      https.request({url = URL, source = print, headers = {["transfer-encoding"] = "gzip"}}) end, 1},
    {"there is none", function() https.request({url = URL, headers = {["content-length"] = 1}}) end},
    {"option 'proxy': its host", function() https.request({url = URL, proxy = "http://a b"}) end},
    {"option 'proxy': its scheme", function() https.request({url = URL, proxy = "socks5://localhost:1080"}) end},
    {"https.request: unknown option 'cafile' (did", function() https.request {url = URL, tls = {cafile = ""}} end},
    {"option 'timeout' is the request's", function() https.request {url = URL, tls = {timeout = 1}} end},
    {"option 'server_side' is not", function() https.request {url = URL, proxy_tls = {server_side = true}} end},
    {"option 'context' is for", function(o) https.request {url = URL, tls = {context = o.server_context}} end},
  },
  client = {
    {"#1 to 'https.client' (" .. TABLE, function() https.client(1) end},
    {"https.client: unknown option 'url'", function() https.client {url = URL} end},
    {"https.client: option 'max_idle' must be an integer", function() https.client {max_idle = -1} end},
    {"https.client: unknown option 'cafile' (did you mean", function() https.client {tls = {cafile = "x"}} end},
  },
}

rows.HTTPSClient = {
  request = {
    {"#1 to 'request' (URL or table expected, got nil", function(o) o.client:request() end},
    {"#2 to 'request' (" .. STRING, function(o) o.client:request(URL, {}) end},
    {"request: option 'url' is missing", function(o) o.client:request {} end},
    {"request: unknown option 'tiemout'", function(o) o.client:request {url = URL, tiemout = 1} end},
    {"request: option 'method' is no method", function(o) o.client:request {url = URL, method = "GET /"} end},
    {"request: option 'tls' belongs to the client", function(o) o.client:request {url = URL, tls = {}} end},
  },
  close = {},
}

-- The types' tables of functions, as they are published.
local function published(o)
  return {
    https = https, HTTPSClient = getmetatable(o.client).__index,
    ssl = ssl, SSLContext = core.context.methods, SSLSocket = core.socket.methods, SSLObject = core.object.methods,
    SSLStream = require "luassl.stream".methods, Certificate = core.certificate.methods,
    SSLSession = getmetatable(o.session).__index, SSLError = ssl.SSLError,
  }
end

-- What is wrong with what the call raises; nil: nothing.
local function complaint(o, words, call, extra)
  local info = debug.getinfo(call, "S")
  local place = ("%s:%d: "):format(info.short_src, info.linedefined + (extra or 0))
  local done, message = pcall(call, o)
  if done then return place .. "raises nothing" end
  if type(message) ~= "string" then return place .. "raises a " .. type(message) end
  if message:sub(1, #place) ~= place then return place .. "raised at another: " .. message end
  if message:find(":%d+: ", #place + 1) then return "two places in: " .. message end
  if not message:find(words, #place + 1, true) then return ("no %q in: %s"):format(words, message) end
end

describe("misuse names the line of the program and what is wrong there:", function()
  local o

  before_each(function() o = make() end)

  after_each(function()
    close(o)
    o = nil
  end)

  it("there is a row for every public function", function()
    for group, functions in pairs(published(o)) do
      for name, value in pairs(functions) do
        if type(value) == "function" then assert.is_table(rows[group][name], group .. "." .. tostring(name)) end
      end
      for name in pairs(rows[group]) do assert.is_function(functions[name], group .. "." .. name) end
    end
  end)

  it("the constants", function()
    assert.is_nil(complaint(o, "ssl.HAS is a constant", function() ssl.HAS.TLSv1 = true end))
    assert.is_nil(complaint(o, "ssl.ACCEPT_UNVERIFIED is a constant", function() ssl.ACCEPT_UNVERIFIED.x = 1 end))
  end)

  it("what was raised elsewhere stays as it is", function()
    local thing = {}
    local done, message = pcall(o.err.gsub, o.err, "x", function() error(thing) end)
    assert.is_false(done)
    assert.equal(thing, message)
    done, message = pcall(o.err.gsub, o.err, ".", function() error "mine" end)
    assert.is_false(done)
    assert.matches("^[^:]*misuse_spec%.lua:%d+: mine$", message)
  end)

  for group, functions in pairs(rows) do
    it(group .. "'s functions", function()
      local found = {}
      for _, cases in pairs(functions) do
        for _, case in ipairs(cases) do found[#found + 1] = complaint(o, case[1], case[2], case[3]) end
      end
      assert.equal("", table.concat(found, "\n"))
    end)

    if group ~= "ssl" and group ~= "SSLError" and group ~= "https" then
      it(group .. "'s methods on anything else", function()
        local found = {}
        for name in pairs(functions) do
          local method = published(o)[group][name]
          local function try(value)
            local function call() method(value, o.sock) end
            local problem = complaint(o, group .. " expected, got ", call)
            if problem then found[#found + 1] = name .. ": " .. problem end
          end
          try()
          for _, value in ipairs {{}, o.far, 1, group == "Certificate" and o.session or o.certificate} do try(value) end
        end
        assert.equal("", table.concat(found, "\n"))
      end)
    end
  end
end)
