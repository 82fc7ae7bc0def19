-- CRLs: who is in one is refused, and who has none that counts; in a handshake
-- and when a session is resumed, on both sides.
local authority = require "spec.badcerts.authority"
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local revocation = require "spec.support.revocation"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local pki = revocation.make()
local crl = revocation.crl

local function merged(defaults, options)
  local all = {}
  for name, value in pairs(defaults) do all[name] = value end
  for name, value in pairs(options or {}) do all[name] = value end
  return all
end

local function client(options)
  return resuming.client(merged({ca_certs = pki.ca_certs}, options))
end

local function server(options)
  return resuming.server(merged({certfile = pki.leaf.file}, options))
end

local function asking(options)
  return server(merged({cert_reqs = ssl.CERT_REQUIRED, ca_certs = pki.ca_certs}, options))
end

local function refusal(near_context, far_context, options)
  local near, err, far_error = resuming.meet(near_context, far_context, options)
  assert.is_nil(near)
  return err, far_error
end

-- The client's error about the server: its code, and some of its text.
local function check(options, far_context, code, text)
  local err = refusal(client(options), far_context or server())
  assert.is_true(err:is(ssl.SSLCertVerificationError), tostring(err))
  assert.equal(code, err.verify_code, tostring(err))
  assert.truthy(err:find(text, 1, true), tostring(err))
  return err
end

local function accepted(options, far_context)
  local near, far = resuming.meet(client(options), far_context or server())
  assert(near, far)
  resuming.part(near, far)
end

local REVOKED, NO_CRL, OLD_CRL, BAD_CRL = 23, 3, 12, 8

describe("a client with CRLs", function()
  it("accepts who is in none, in PEM and DER, from files and strings", function()
    local pem, bytes = crl(pki.inter)
    accepted {crl_data = pem}
    accepted {crl_data = bytes}
    accepted {crl_file = helpers.temp_file(pem)}
    accepted {crl_file = helpers.temp_file(bytes)}
    local others, other_bytes = crl(pki.root)
    accepted {crl_data = "text around\n" .. others .. "text between\n" .. pem}
    accepted {crl_data = other_bytes .. bytes}
    accepted {crl_file = helpers.temp_file(others), crl_data = bytes}
  end)

  it("refuses who is, with an alert that says so", function()
    local pem, bytes = crl(pki.inter, pki.leaf)
    for _, options in ipairs {{crl_data = pem}, {crl_data = bytes}, {crl_file = helpers.temp_file(pem)},
      {crl_file = helpers.temp_file((select(2, crl(pki.root))) .. bytes)},
      {crl_data = crl(pki.root) .. pem}} do
      local err = check(options, nil, REVOKED, "CN=CRL intermediate has revoked it")
      assert.equal("certificate_revoked", err.alert)
      assert.equal(0, err.verify_depth)
      assert.equal(pki.leaf.der, err.certificate:der())
    end
  end)

  it("looks at the whole chain if it is told to", function()
    local both = crl(pki.inter) .. crl(pki.root, pki.inter)
    accepted {crl_data = both}
    local err = check({crl_data = both, verify_flags = {"crl_check_all"}}, nil, REVOKED, "has revoked it")
    assert.equal(1, err.verify_depth)
    assert.equal(pki.inter.der, err.chain[2]:der())
    accepted {crl_data = crl(pki.inter) .. crl(pki.root), verify_flags = {"crl_check_all"}}
    err = check({crl_data = crl(pki.inter), verify_flags = {"crl_check_all"}}, nil, NO_CRL, "is not known here")
    assert.equal(1, err.verify_depth)
  end)

  it("tells a CRL that is missing from one that is out of date or another's", function()
    check({crl_data = crl(pki.root)}, nil, NO_CRL, "is not known here, so that nobody can tell")
    check({crl_data = authority.crl {issuer = pki.inter, this_update = -9, next_update = -1}.pem}, nil, OLD_CRL,
      "is out of date: a newer one is needed")
    check({crl_data = authority.crl {issuer = pki.inter, this_update = 2}.pem}, nil, 11, "is of a later time")
    check({crl_data = authority.crl {issuer = pki.inter, key = "P-256:CRL stranger"}.pem}, nil, BAD_CRL,
      "was not signed by that issuer")
  end)

  it("asks them of whom the system trusts, and leaves what others have as it was", function()
    local output = resuming.elsewhere([[
      local revocation = require "spec.support.revocation"
      local pki = revocation.make()
      local bundle = assert(io.open(os.getenv "SSL_CERT_FILE", "w"))
      bundle:write(pki.root.pem)
      bundle:close()
      local far = resuming.server {certfile = pki.leaf.file}
      local plain = assert(ssl.create_default_context())
      local checks = assert(ssl.create_default_context {crl_data = revocation.crl(pki.inter, pki.leaf)})
      local _, err = resuming.meet(checks, far)
      print(err.verify_code)
      for _ = 1, 2 do
        local near, other = assert(resuming.meet(plain, far))
        resuming.part(near, other)
        plain = assert(ssl.create_default_context())
      end
      print(plain:cert_store_stats().crl, checks:cert_store_stats().crl)
    ]], {SSL_CERT_FILE = helpers.temp_name()})
    assert.equal("23\n0\t1\n", output)
  end)

  it("takes them from a directory with hashed names, too", function()
    local directory = helpers.temp_name()
    local function run(...)
      local peer = helpers.spawn {...}
      assert(peer:wait() == 0, peer:output())
    end
    run("mkdir", directory)
    for name, text in pairs {["root.pem"] = pki.root.pem, ["inter.crl"] = crl(pki.inter, pki.leaf)} do
      local out = assert(io.open(directory .. "/" .. name, "w"))
      out:write(text)
      out:close()
    end
    run("openssl", "rehash", directory)
    local flags = {"crl_check"}
    local err = refusal(client {ca_certs = nil, ca_path = directory, verify_flags = flags}, server())
    assert.equal(REVOKED, err.verify_code)
    err = refusal(client {verify_flags = flags}, server())
    assert.equal(NO_CRL, err.verify_code)
  end)

  it("tells on_verify, which may accept it all the same", function()
    local faults
    local near, far = assert(resuming.meet(client {crl_data = crl(pki.inter, pki.leaf),
      on_verify = function(_, facts)
        faults = facts.errors
        return ssl.ACCEPT_UNVERIFIED
      end}, server()))
    assert.equal("cert_revoked", faults[1].name)
    assert.equal("cert_revoked", near:verify_errors()[1].name)
    resuming.part(near, far)
  end)

  it("is refused where nothing is verified", function()
    for _, name in ipairs {"crl_data", "crl_file"} do
      assert.error_matches(function() ssl.SSLContext {[name] = "x"} end, "'" .. name .. "' needs a cert_reqs")
    end
  end)

  it("is not made of what is no CRL", function()
    local pem, bytes = crl(pki.inter)
    for _, bad in ipairs {"x", pki.root.pem, pem:sub(1, 200), bytes:sub(1, -2), bytes .. "x", ""} do
      local context, err = ssl.create_default_context {crl_data = bad}
      assert.is_nil(context)
      assert.equal("pem", err.kind)
      assert.equal("crl_data", err.operation)
      if bad ~= "" then
        local path = helpers.temp_file(bad)
        context, err = ssl.create_default_context {crl_file = path}
        assert.is_nil(context)
        assert.equal(path, err.file)
      end
    end
    local context, err = ssl.create_default_context {crl_file = "/nonexistent/a.crl"}
    assert.is_nil(context)
    assert.equal("file", err.kind)
    err = select(2, ssl.create_default_context {crl_file = pem})
    assert.truthy(err:find("option crl_data", 1, true), tostring(err))
  end)
end)

describe("a server with CRLs", function()
  -- Without tickets TLS 1.2 resumes what a server has in its memory, by an id.
  it("keeps no session of a client without tickets", function()
    local listener = assert(ssl.wrap_socket(socket.bind("127.0.0.1", 0), {server_side = true,
      certfile = pki.leaf.file, cert_reqs = ssl.CERT_REQUIRED, ca_certs = pki.ca_certs, crl_data = crl(pki.inter)}))
    listener:settimeout(helpers.patience)
    local peer = helpers.spawn({"openssl", "s_client", "-connect", "127.0.0.1:"
      .. select(2, listener:getsockname()), "-cert", pki.client.alone, "-cert_chain",
      helpers.temp_file(pki.inter.pem), "-CAfile", pki.ca_certs, "-tls1_2", "-no_ticket"}, {input = true})
    local conn = assert(listener:accept())
    assert.equal("", peer:expect "Session%-ID: (%x*)\n.*Verify return code: 0")
    conn:close()
    peer:stop()
    listener:close()
  end)

  it("refuses a client that is in one, and tells it", function()
    for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
      local near_error, far_error = resuming.fail(client {certfile = pki.client.file, maximum_version = version},
        asking {crl_data = crl(pki.inter, pki.client)})
      assert.equal(REVOKED, far_error.verify_code)
      assert.equal(pki.client.der, far_error.certificate:der())
      assert.equal("certificate_revoked", near_error.alert)
    end
  end)

  it("lets openssl's client in, or not", function()
    for _, revoked in ipairs {false, true} do
      local listener = assert(ssl.wrap_socket(socket.bind("127.0.0.1", 0), {server_side = true,
        certfile = pki.leaf.file, cert_reqs = ssl.CERT_REQUIRED, ca_certs = pki.ca_certs,
        crl_data = revoked and crl(pki.inter, pki.client) or crl(pki.inter)}))
      listener:settimeout(helpers.patience)
      local peer = helpers.spawn({"openssl", "s_client", "-connect", "127.0.0.1:"
        .. select(2, listener:getsockname()), "-cert", pki.client.alone, "-cert_chain",
        helpers.temp_file(pki.inter.pem), "-CAfile", pki.ca_certs}, {input = true})
      local conn, err = listener:accept()
      assert.equal(not revoked, conn ~= nil, tostring(err))
      if conn then conn:close()
      else
        assert.equal(REVOKED, err.verify_code)
        peer:expect "(certificate revoked)"
      end
      peer:stop()
      listener:close()
    end
  end)
end)

-- What others see of it on the wire.
describe("a revoked client", function()
  local PYTHON = [[
import socket, ssl, sys
port, host, trust, certificate = sys.argv[1:]
context = ssl.create_default_context(cafile=trust)
context.load_cert_chain(certificate)
with socket.create_connection(("127.0.0.1", port), 5) as sock:
    with context.wrap_socket(sock, server_hostname=host) as conn:
        print(conn.recv(10))]]

  local function serve(crls, command, look)
    local listener = assert(ssl.wrap_socket(socket.bind("127.0.0.1", 0), {server_side = true,
      certfile = pki.leaf.file, cert_reqs = ssl.CERT_REQUIRED, ca_certs = pki.ca_certs, crl_data = crls}))
    listener:settimeout(helpers.patience)
    local peer = helpers.spawn(command(tostring(select(2, listener:getsockname()))), {input = ""})
    local conn, err = listener:accept()
    if conn then
      conn:send "welcome"
      conn:close()
    end
    peer:wait()
    listener:close()
    look(conn ~= nil, err, peer:output())
  end

  local clients = {
    Python = function(port) return {"python3", "-c", PYTHON, port, "localhost", pki.ca_certs, pki.client.file} end,
    GnuTLS = function(port)
      local certificates = pki.client.pem .. pki.inter.pem
      return {"gnutls-cli", "--x509cafile", pki.ca_certs, "--verify-hostname", "localhost", "--sni-hostname",
        "localhost", "--x509certfile", helpers.temp_file(certificates), "--x509keyfile", pki.client.key.file,
        "-p", port, "127.0.0.1"}
    end,
  }
  for name, command in pairs(clients) do
    it("is told so by the alert that " .. name .. " shows", function()
      serve(crl(pki.inter), command, function(entered, err, output)
        assert.is_true(entered, tostring(err))
        assert.truthy(output:find("welcome", 1, true), output)
      end)
      serve(crl(pki.inter, pki.client), command, function(entered, err, output)
        assert.is_false(entered)
        assert.equal(REVOKED, err.verify_code)
        assert.truthy(output:lower():find("revoked", 1, true), output)
      end)
    end)
  end

  it("of a server is refused as Python refuses it", function()
    for _, revoked in ipairs {false, true} do
      local lists = helpers.temp_file(revoked and crl(pki.inter, pki.leaf) or crl(pki.inter))
      local peer = helpers.spawn({"openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", pki.leaf.alone,
        "-cert_chain", helpers.temp_file(pki.inter.pem)}, {input = true})
      local port = peer:expect "ACCEPT [^\n]-:(%d+)\n"
      local python = helpers.spawn {"python3", "-c", [[
import socket, ssl, sys
port, trust, crls = sys.argv[1:]
context = ssl.create_default_context(cafile=trust)
context.load_verify_locations(crls)
context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
with socket.create_connection(("127.0.0.1", port), 5) as sock:
    context.wrap_socket(sock, server_hostname="localhost").close()]], port, pki.ca_certs, lists}
      local theirs = python:wait() == 0
      local conn, err = ssl.connect("localhost", tonumber(port), {ca_certs = pki.ca_certs, crl_file = lists})
      assert.equal(theirs, conn ~= nil, tostring(err))
      assert.equal(not revoked, theirs, python:output())
      if conn then conn:close() end
      peer:stop()
    end
  end)
end)

for _, version in ipairs {"TLSv1.2", "TLSv1.3"} do
  describe("a session in " .. version .. ", where CRLs are asked,", function()
    it("is resumed by a client while they are good", function()
      local context, far_context = client {crl_data = crl(pki.inter), maximum_version = version}, server()
      local session = resuming.session(context, far_context)
      assert.is_true(resuming.reuses(context, far_context, {session = session}))
    end)

    it("is not offered under others", function()
      local before, far_context = crl(pki.inter), server()
      local session = resuming.session(client {crl_data = before, maximum_version = version}, far_context)
      assert.is_true(resuming.offers(client {crl_data = before, maximum_version = version}, {session = session}))
      local after = client {crl_data = crl(pki.inter, pki.leaf), maximum_version = version}
      assert.is_false(resuming.offers(after, {session = session}))
      assert.equal(REVOKED, refusal(after, far_context, {session = session}).verify_code)
    end)

    it("is not offered when a CRL has run out, and the full handshake is refused", function()
      local output = resuming.elsewhere(([[
        local revocation = require "spec.support.revocation"
        local pki = revocation.make()
        local near_context = resuming.client {ca_certs = pki.ca_certs, maximum_version = %q,
          crl_data = revocation.custom {issuer = pki.inter, next_update = 1 / 24}.pem}
        local far_context = resuming.server {certfile = pki.leaf.file}
        local session = resuming.session(near_context, far_context)
        print(resuming.offers(near_context, {session = session}))
        advance(3605)
        print(resuming.offers(near_context, {session = session}))
        print(select(2, resuming.meet(near_context, far_context, {session = session})).verify_code)
      ]]):format(version))
      assert.equal("true\nfalse\n12\n", output)
    end)

    it("is resumed by a server whose client's issuer is known to it", function()
      local far_context = asking {crl_data = crl(pki.root)}
      local context = client {certfile = pki.visitor.file, maximum_version = version}
      assert.is_true(resuming.reuses(context, far_context, {session = resuming.session(context, far_context)}))
    end)

    it("gives way to a full handshake when a server's CRL has run out", function()
      local output = resuming.elsewhere(([[
        local revocation = require "spec.support.revocation"
        local pki = revocation.make()
        local near_context = resuming.client {ca_certs = pki.ca_certs, maximum_version = %q,
          certfile = pki.visitor.file}
        local far_context = resuming.server {certfile = pki.leaf.file, cert_reqs = ssl.CERT_OPTIONAL,
          ca_certs = pki.ca_certs,
          crl_data = revocation.custom {issuer = pki.root, next_update = 1 / 24}.pem}
        local session = resuming.session(near_context, far_context)
        local near, far = assert(resuming.meet(near_context, far_context, {session = session}))
        print(far:session_reused())
        session = near:session()
        resuming.part(near, far)
        advance(3605)
        near = assert(near_context:wrap_object {server_hostname = "localhost", session = session})
        far = assert(far_context:wrap_object())
        local done, _, err = helpers.handshake(near, far)
        print(done, err.verify_code, #far:peer_chain())
      ]]):format(version))
      assert.equal("true\nnil\t12\t1\n", output)
    end)

    it("is resumed by a server that has no intermediate: it comes with the ticket", function()
      local far_context = asking {crl_data = crl(pki.inter)}
      local context = client {certfile = pki.client.file, maximum_version = version}
      local session = resuming.session(context, far_context)
      for _ = 1, 3 do
        local near, far = assert(resuming.meet(context, far_context, {session = session}))
        assert.is_true(far:session_reused())
        session = near:session()
        resuming.part(near, far)
      end
      assert.is_true(far_context:set {crl_data = crl(pki.inter)})  -- a newer one
      assert.is_true(resuming.reuses(context, far_context, {session = session}))
    end)

    it("is not resumed by a server that has heard of a revocation, of an intermediate too", function()
      for _, revoked in ipairs {{pki.inter, pki.client}, {pki.root, pki.inter}} do
        local flags = {"crl_check_all"}
        local none = crl(pki.inter) .. crl(pki.root)
        local far_context = asking {crl_data = none, verify_flags = flags}
        local context = client {certfile = pki.client.file, maximum_version = version}
        local session = resuming.session(context, far_context)
        local others = revoked[1] == pki.inter and crl(pki.root) or crl(pki.inter)
        assert.is_true(far_context:set {crl_data = crl(revoked[1], revoked[2]) .. others})
        local near = assert(context:wrap_object {server_hostname = "localhost", session = session})
        local far = assert(far_context:wrap_object())
        local done, _, err = helpers.handshake(near, far)
        assert.is_nil(done)
        assert.equal(REVOKED, err.verify_code)
        assert.is_not_true(far:session_reused())
        near:close()
        far:close()
      end
    end)

    -- Sessions go on under another configuration.
    it("does not let in a client that was revoked meanwhile", function()
      local function far(...) return asking {crl_data = crl(pki.root, ...), session_id_context = "shared"} end
      local before = far()
      local context = client {certfile = pki.visitor.file, maximum_version = version}
      local session = resuming.session(context, before)
      assert.is_true(before:set {crl_data = crl(pki.root, pki.visitor)})  -- with its ticket keys
      local near = assert(context:wrap_object {server_hostname = "localhost", session = session})
      local other = assert(before:wrap_object())
      local done, _, err = helpers.handshake(near, other)
      assert.is_nil(done)
      assert.equal(REVOKED, err.verify_code)
      assert.is_not_true(other:session_reused())
      near:close()
      other:close()
    end)
  end)
end
