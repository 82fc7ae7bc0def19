-- Misuse of options raises each time, whoever takes them, and changes nothing:
-- what was refused once is not accepted the second time.
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

-- All that there are: one that is new needs a row in WRONG.
local OF_CONTEXTS, OF_CONNECTIONS, OF_VERIFY = {}, {}, {}
for _, option in ipairs(require "luassl.core".options) do
  OF_CONTEXTS[option.name] = option.context or nil
  OF_VERIFY[option.name] = option.verify or nil
  OF_CONNECTIONS[option.name] = not (option.context or option.verify) or option.connection
    or option.name == "server_side" or nil
end

local NO_BOOLEAN, NO_STRING, NO_FUNCTION = {1, "true", {}}, {1, true, {}}, {1, "f", {}}
local NO_NAME = {1, true, {}, "a\0b"}
local NO_SECONDS = {-1, 1 / 0, 0 / 0, "1", true, {}}
local NO_CERTIFICATES = {1, true, {1}, {"x", {}}, io.stdout}
local NO_VERSION = {1, true, "TLSv9", "TLSv1.2\0", ""}

-- What no value of the option is.
local WRONG = {
  alpn_protocols = {1, "h2", {1}, {""}, {"h2", {}}, {("x"):rep(256)}, {named = "h2"}},
  alpn_strict = NO_BOOLEAN,
  ca_certs = NO_NAME, ca_data = NO_STRING, ca_path = NO_NAME,
  cert = NO_STRING, certfile = NO_NAME, key = NO_STRING, keyfile = NO_NAME,
  certificates = {1, "x", {}, {1}, {"x"}, {named = {}}, {{cert = "x"}, 1}, {{cert = "x"}, named = {}},
    {{cert = 1}}, {{certfile = "a\0b"}}, {{cerfile = "x"}}, {{nodelay = true}}, {{certificates = {}}}, {{[1] = "x"}},
    {setmetatable({}, {__index = {cert = "x"}})}, {{}}, {{cert = "x", ["cert\0"] = "x"}}},
  pkcs12 = NO_STRING, pkcs12_file = NO_NAME, key_uri = NO_NAME,
  certificate_types = {1, "x509", {1}, {"rawpk"}, {"x509", "x509"}, {"x509\0"}, {named = "x509"}, {}},
  peer_certificate_types = {1, "x509", {1}, {"rawpk"}, {"raw_public_key", "raw_public_key"}, {named = "x509"}, {}},
  peer_public_keys = {1, "x", {}, {1}, {"x", {}}, {named = "x"}},
  certificate_compression = {1, "zlib", {1}, {"gzip"}, {"zlib", "zlib"}, {"zlib\0"}, {named = "zlib"}},
  cipher_server_preference = NO_BOOLEAN,
  max_fragment_length = {0, 511, 513, 16384, 1.5, "512", true},
  options = {1, "no_ticket", {1}, {"no_tickets"}, {"no_ticket\0"}, {named = "no_ticket"}, {"no_ticket", "all"}},
  padding = {0, -1, 16385, 1.5, "1", true},
  profile = {1, true, {}, "x", "modern\0", "Modern"},
  record_size = {0, 511, 16385, 600.5, 0 / 0, "600", "Dynamic", "dynamic\0", true, {}},
  cert_reqs = {-1, 3, 1.5, "1", true},
  check_hostname = NO_BOOLEAN,
  ciphers = NO_NAME, ciphersuites = NO_NAME, groups = NO_NAME, sigalgs = NO_NAME,
  context = {1, true, "x", {}, io.stdout},
  crl_data = NO_STRING, crl_file = NO_NAME,
  crls = {1, true, {1}, {"x", {}}, {named = "x"}},
  do_handshake_on_connect = NO_BOOLEAN,
  get_session = NO_FUNCTION, put_session = NO_FUNCTION, remove_session = NO_FUNCTION,
  hooks_id = NO_STRING,
  handshake_timeout = {0, -1, 1 / 0, 0 / 0, "1", true, {}},
  intermediates = NO_CERTIFICATES, roots = NO_CERTIFICATES,
  keylog = {1, true, {}, "", "a\0b", "-----BEGIN PRIVATE KEY-----\n", "two\nlines"},
  linger = NO_SECONDS,
  name = NO_STRING,
  max_early_data = {-1, 262145, 1.5, "1", true},
  maximum_version = NO_VERSION, minimum_version = NO_VERSION,
  nodelay = NO_BOOLEAN,
  num_tickets = {-1, 101, 1.5, "1"},
  ocsp = {1, true, {}, "x", "off\0", "Require"},
  ocsp_response = {1, true, {}, {1}, {"x", {}}, {named = "x"}},
  on_certificate = NO_FUNCTION, on_client_hello = NO_FUNCTION, on_session = NO_FUNCTION, on_verify = NO_FUNCTION,
  password = {1, true, {}},
  pins = {1, "x", {}, {1}, {"x", {}}, {named = "x"}},
  post_handshake_auth = NO_BOOLEAN,
  psk = {1, true, "x", {}, {1}, {me = 1}, {me = {}}, {me = "short"}, {me = ("x"):rep(513)}, {[1] = ("x"):rep(32)},
    {[""] = ("x"):rep(32)}, {[("x"):rep(16385)] = ("x"):rep(32)}, {me = {key = 1}}, {me = {key = ("x"):rep(15)}},
    {me = {key = ("x"):rep(32), hash = "md5"}}, {me = {key = ("x"):rep(32), hash = 1}},
    {me = {key = ("x"):rep(32), hash = "sha256\0"}}, {me = {key = ("x"):rep(32), kee = "x"}},
    {me = {key = ("x"):rep(32), [1] = "x"}}, setmetatable({me = ("x"):rep(32)}, {__index = {}})},
  psk_authenticates = NO_BOOLEAN,
  purpose = {1, true, {}, "x", "any\0"},
  security_level = {-1, 6, 1.5, "1", true},
  server_hostname = NO_STRING,
  server_hostnames = {1, "x", {}, {1}, {"x", {}}, {named = "x"}},
  server_names = {1, "x", print, {[1] = 1}, {"example.com"}, {Example = 1}, {["*"] = 1}, {["*.*.example.com"] = 1},
    {["c*.example.com"] = 1}, {["example.com."] = 1}, {[".example.com"] = 1}, {["*."] = 1}, {["a..b"] = 1},
    {["a b"] = 1}, {["a\0"] = 1}, {["\195\164"] = 1}, {[("a"):rep(64)] = 1}},
  server_side = NO_BOOLEAN,
  session = {1, "x", {}, io.stdout},
  session_cache = NO_BOOLEAN,
  session_id_context = NO_STRING,
  ssl_version = {-1, 99, 1.5, "x"},
  staple = NO_STRING,
  suppress_ragged_eofs = NO_BOOLEAN,
  system_trust = NO_BOOLEAN,
  time = {"1", true, {}, 1 / 0, -1 / 0, 0 / 0},
  timeout = {0, -1, "1", true, {}, 0 / 0},
  tlsa = {1, "x", {1}, {{}}, {{3, 1, 1}}, {{3, 1, 1, 1}}, {{3, 1, 1, "x", "x"}}, {{3, 1, 256, "x"}}, {{3, -1, 1, "x"}},
    {{3.5, 1, 1, "x"}}, {{"3", 1, 1, "x"}}, {{3, 1, 1, "x"}, 1}, {named = {3, 1, 1, "x"}}, {{3, 1, 1, "x", ttl = 1}},
    {setmetatable({3, 1, 1, "x"}, {__index = {}})}},
  tlsa_check_hostname = NO_BOOLEAN,
  trace = {1, true, {}, "", "a\0b", "-----BEGIN PRIVATE KEY-----\n"},
  verify_depth = {-1, 101, 1.5, "1", true},
  verify_flags = {1, "crl_check", {1}, {"x"}, {"crl_check", {}}, {named = "crl_check"}, {"crl_check\0"}},
  verify_time = {"1", true, {}, 1 / 0, -1 / 0, 0 / 0},
}

-- What contradicts itself, and the option that the complaint names.
local TOGETHER = {
  {"keyfile", {keyfile = file "rsa.key"}},
  {"crl_data", {crl_data = "x", cert_reqs = ssl.CERT_NONE}},
  {"crl_file", {crl_file = "x", cert_reqs = ssl.CERT_NONE}},
  {"key", {key = "x"}},
  {"password", {password = "x"}},
  {"key_uri", {key_uri = "file:/x"}},
  {"key_uri", {certfile = "x", keyfile = "x", key_uri = "file:/x"}},
  {"key", {certfile = "x", key = "x", key_uri = "file:/x"}},
  {"pkcs12", {pkcs12 = "x", pkcs12_file = "x"}},
  {"pkcs12", {pkcs12 = "x", certfile = "x"}},
  {"pkcs12_file", {pkcs12_file = "x", keyfile = "x"}},
  {"certificates", {certificates = {{cert = "x"}}, certfile = "x"}},
  {"certificates", {certificates = {{cert = "x"}}, pkcs12 = "x"}},
  {"certfile", {certificates = {{cert = "x", certfile = "x"}}}},
  {"key", {certificates = {{key = "x"}}}},
  {"password", {certificates = {{password = "x"}}}},
  {"certfile", {certfile = file "rsa.pem", cert = "x"}},
  {"keyfile", {certfile = file "rsa.pem", keyfile = file "rsa.key", key = "x"}},
  {"ssl_version", {ssl_version = ssl.PROTOCOL_TLSv1_2, minimum_version = "TLSv1.2"}},
  {"ssl_version", {ssl_version = ssl.PROTOCOL_TLSv1_2, maximum_version = "TLSv1.2"}},
  {"minimum_version", {minimum_version = "TLSv1.3", maximum_version = "TLSv1.2"}},
  {"maximum_version", {maximum_version = "TLSv1.1"}},
  {"peer_public_keys", {peer_public_keys = {"x"}, cert_reqs = ssl.CERT_NONE}},
  {"peer_certificate_types", {peer_public_keys = {"x"}, peer_certificate_types = {"x509"}}},
  {"check_hostname", {check_hostname = true, cert_reqs = ssl.CERT_NONE}},
  {"alpn_strict", {alpn_strict = true}},
  {"cipher_server_preference", {cipher_server_preference = true}},
  {"options", {options = {"prioritize_chacha"}}},
  {"num_tickets", {num_tickets = 1}},
  {"max_early_data", {max_early_data = 1}},
  {"ocsp", {ocsp = "require", cert_reqs = ssl.CERT_NONE}},
  {"ocsp_response", {ocsp_response = "x"}},
  {"on_client_hello", {on_client_hello = print}},
  {"server_names", {server_names = {}}},
  {"session_id_context", {session_id_context = "x"}},
  {"psk_authenticates", {psk_authenticates = true}},
  {"psk", {psk = {["a host.example"] = {identity = "x", key = ("x"):rep(32)}}}},
  {"psk", {psk = {localhost = ("x"):rep(32)}}},
  {"psk", {psk = {localhost = {key = ("x"):rep(32)}}}},
  {"psk", {psk = {localhost = {identity = "", key = ("x"):rep(32)}}}},
}

local function raises_twice(name, take, options)
  local messages = {}
  for i = 1, 2 do
    local done, message = pcall(take, options)
    assert.is_false(done, ("%s is accepted, try %d"):format(name, i))
    messages[i] = tostring(message)
    local found = messages[i]:find("'" .. name .. "'", 1, true) or messages[i]:find("'" .. name .. "[", 1, true)
    assert.truthy(found, messages[i])
  end
  assert.equal(messages[1], messages[2])
end

-- Calls use(name, options) with all that `take` must refuse.
local function each(known, use)
  for name in pairs(known) do
    for _, value in ipairs(WRONG[name]) do use(name, {[name] = value}) end
  end
end

local function merged(...)
  local result = {}
  for _, names in ipairs {...} do
    for name in pairs(names) do result[name] = true end
  end
  return result
end

local function without(known, ...)
  local result = merged(known)
  for _, name in ipairs {...} do result[name] = nil end
  return result
end

describe("each option", function()
  it("has a row here", function()
    local all = merged(OF_CONTEXTS, OF_CONNECTIONS, OF_VERIFY)
    assert.is_true(all.certfile and all.session)
    for name in pairs(all) do assert.is_table(WRONG[name], name) end
    for name in pairs(WRONG) do assert.is_true(all[name], name) end
  end)
end)

describe("misuse raises twice", function()
  local makers = {
    SSLContext = ssl.SSLContext, create_default_context = ssl.create_default_context,
  }

  for title, take in pairs(makers) do
    it("in " .. title, function()
      each(OF_CONTEXTS, function(name, options) raises_twice(name, take, options) end)
      for _, case in ipairs(TOGETHER) do raises_twice(case[1], take, case[2]) end
    end)
  end

  it("in wrap_socket, connect and get_server_certificate", function()
    local sock = socket.tcp()
    local all = merged(OF_CONTEXTS, OF_CONNECTIONS)
    local wrapping = without(all, "timeout")
    local function wrap(options) return ssl.wrap_socket(sock, options) end
    local function connect(options) return ssl.connect("127.0.0.1", 1, options) end
    local function fetch(options) return ssl.get_server_certificate({"127.0.0.1", 1}, options) end
    each(wrapping, function(name, options) raises_twice(name, wrap, options) end)
    each(all, function(name, options) raises_twice(name, connect, options) end)
    each(all, function(name, options) raises_twice(name, fetch, options) end)
    for _, case in ipairs(TOGETHER) do
      raises_twice(case[1], wrap, case[2])
      raises_twice(case[1], connect, case[2])
      raises_twice(case[1], fetch, case[2])
    end
    local conn = assert(ssl.wrap_socket(sock))  -- it is whole
    conn:close()
  end)

  it("in verify", function()
    local chain = helpers.read_file(file "rsa.crt")
    local function verify(options) return ssl.verify(chain, options) end
    each(OF_VERIFY, function(name, options) raises_twice(name, verify, options) end)
    raises_twice("name", verify, {server_side = true, name = "localhost"})
    for name in pairs(merged(OF_CONTEXTS, OF_CONNECTIONS)) do
      if not OF_VERIFY[name] then raises_twice(name, verify, {[name] = WRONG[name][1]}) end
    end
  end)

  it("in a context's set, which changes nothing", function()
    local context = assert(ssl.SSLContext {nodelay = false, alpn_protocols = {"a"}})
    local public = without(OF_CONTEXTS, "key", "key_uri", "password", "pkcs12", "psk")
    local function look()
      local found = {}
      for name in pairs(public) do found[name] = context:get(name) end
      return found
    end
    local before = look()
    local function set(options) return context:set(options) end
    each(OF_CONTEXTS, function(name, options) raises_twice(name, set, options) end)
    for _, case in ipairs(TOGETHER) do raises_twice(case[1], set, case[2]) end
    assert.same(before, look())
  end)

  it("in a context's wrap_object and wrap_socket, and leaves it as it was", function()
    local context = assert(ssl.SSLContext {})
    local near, far = helpers.sockets()
    local names = without(OF_CONNECTIONS, "context", "timeout")
    local takers = {
      function(options) return context:wrap_object(options) end,
      function(options) return context:wrap_socket(near, options) end,
    }
    for _, take in ipairs(takers) do
      each(names, function(name, options) raises_twice(name, take, options) end)
      raises_twice("check_hostname", take, {check_hostname = true})
      raises_twice("server_side", take, {server_side = true})
    end
    assert.is_true(near:getfd() >= 0)
    assert.is_true(context:set {cert_reqs = ssl.CERT_REQUIRED, ca_certs = file "root.crt"})
    for _, take in ipairs(takers) do
      for _ = 1, 2 do
        assert.error_matches(function() take {check_hostname = true} end, "check_hostname needs a server_hostname")
      end
    end
    assert.is_true(context:set {nodelay = false})  -- it has no connection yet
    local server = assert(ssl.SSLContext {server_side = true, certfile = file "rsa.pem"})
    for _ = 1, 2 do
      assert.error_matches(function() server:wrap_object {server_hostname = "a"} end, "'server_hostname'")
      assert.error_matches(function() server:wrap_object {check_hostname = true} end, "'check_hostname'")
    end
    assert.is_true(server:set {num_tickets = 0})
    near:close()
    far:close()
  end)
end)

describe("the options of a connection", function()
  it("name no peer to check on a server", function()
    local context = hooking.context("server", hooking.asking())
    assert.error_matches(function()
      context:wrap_object {check_hostname = true}
    end, "check_hostname")
  end)
end)
