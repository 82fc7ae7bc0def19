-- get_server_certificate: the reference's way to look at a server.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file

local function with(options, more)
  local merged = {}
  for name, value in pairs(options) do merged[name] = value end
  for name, value in pairs(more or {}) do merged[name] = value end
  return merged
end

local function pem_of(name)
  return helpers.read_file(file(name))
end

describe("get_server_certificate", function()
  local function fetch(peer, options, host)
    return ssl.get_server_certificate({host or "127.0.0.1", peer.port},
      with({timeout = helpers.patience}, options))
  end

  it("gives PEM, and validates nothing unasked", function()
    for _, name in ipairs {"rsa", "expired", "untrusted"} do
      local peer = helpers.s_server {cert = name}
      assert.equal(pem_of(name .. ".crt"), fetch(peer))
      peer:stop()
    end
  end)

  it("validates the chain by ca_certs", function()
    local peer = helpers.s_server {cert = "other"}
    local trust = {ca_certs = file "root.crt"}
    assert.equal(pem_of "other.crt", fetch(peer, trust))
    for _, options in ipairs {{ca_certs = file "other-root.crt"},
      {ca_data = helpers.read_file(file "other-root.crt")}} do
      local pem, err = fetch(peer, options)
      assert.is_nil(pem)
      assert.is_true(err:is(ssl.SSLCertVerificationError))
    end
    local pem, err = fetch(peer, with(trust, {check_hostname = true}))
    assert.is_nil(pem)
    assert.equal(64, err.verify_code)
    assert(fetch(peer, with(trust, {check_hostname = true,
      server_hostname = "other.example"})))
    peer:stop()
  end)

  it("speaks the version it is told to", function()
    local peer = helpers.s_server {arguments = {"-tls1_2"}}
    assert(fetch(peer, {ssl_version = ssl.PROTOCOL_TLSv1_2}))
    local pem, err = fetch(peer, {ssl_version = ssl.PROTOCOL_TLSv1_3})
    assert.is_nil(pem)
    assert.equal("version", err.kind)
    peer:stop()
  end)

  it("waits for no silent server", function()
    local peer = helpers.python_server "silent"
    assert.same({nil, "timeout"}, {fetch(peer, {timeout = 0.1})})
    peer:stop()
  end)

  it("says that nobody listens", function()
    assert.same({nil, "connection refused"},
      {fetch {port = helpers.free_port()}})
  end)

  it("says that a server has no certificate", function()
    local peer = helpers.s_server {arguments = {"-nocert", "-tls1_2",
      "-cipher", "aNULL:@SECLEVEL=0"}}
    local pem, err = fetch(peer, {ciphers = "aNULL:@SECLEVEL=0",
      ssl_version = ssl.PROTOCOL_TLSv1_2})
    assert.is_nil(pem)
    assert.equal("no_certificate", err.kind)
    peer:stop()
  end)

  it("goes over IPv6", function()
    local probe = socket.bind("::1", 0)
    if not probe then return pending "this machine has no IPv6" end
    probe:close()
    local peer = helpers.s_server {host = "[::1]"}
    assert(fetch(peer, {ca_certs = file "root.crt", check_hostname = true},
      "::1"))
    peer:stop()
  end)

  it("raises what is misuse", function()
    for _, arguments in ipairs {{}, {"localhost"}, {{"localhost"}},
      {{"localhost", "https"}}, {{1, 443}}, {{"localhost", 65536}},
      {{"localhost", 1.5}}, {{"localhost", 443}, 5},
      {{"localhost", 443}, {timeout = 0}},
      {{"localhost", 443}, {ca_cert = "x"}},
      {{"localhost", 443}, {server_side = true}},
      {{"localhost", 443}, {check_hostname = true}},
      {{"localhost", 443}, {context = assert(ssl.SSLContext())}},
    } do
      assert.is_false((pcall(ssl.get_server_certificate, arguments[1],
        arguments[2])))
    end
  end)
end)
