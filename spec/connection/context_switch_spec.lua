-- A server's context chosen by the ClientHello: whatever differs, the chosen
-- one's holds and nothing of the first one's is left.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local client = resuming.client
local meet, part = resuming.meet, resuming.part

local WRONG_PIN = "sha256//" .. ("A"):rep(43) .. "="
local ROOT = file "root.crt"

local each = resuming.each_way

-- A client of one version, with these options.
local function both(options)
  return client {maximum_version = options.version,
    minimum_version = options.version, certfile = options.certfile,
    alpn_protocols = options.alpn, groups = options.groups,
    on_certificate = options.on_certificate,
    session_cache = options.session_cache}
end

-- What `read` finds on a client and a server that have met; they part.
local function see(near_context, far_context, read)
  local near, far = meet(near_context, far_context)
  assert(near, far)
  local found = {read(near, far)}
  part(near, far)
  return (table.unpack or unpack)(found)
end

local fail = resuming.fail

local VERSIONS = {"TLSv1.2", "TLSv1.3"}

describe("the chosen context's", function()
  each("certificate", function(choose)
    for _, version in ipairs(VERSIONS) do
      for _, first in ipairs {{certfile = file "rsa.pem"},
        {certfile = file "other.pem"}, {certfile = file "chained.pem"}} do
        local subject = see(both {version = version},
          choose(first, {certfile = file "ed25519.pem"}),
          function(near) return near:peer_certificate():der() end)
        assert.equal(ssl.PEM_cert_to_DER_cert(
          helpers.read_file(file "ed25519.crt")), subject)
      end
    end
  end)

  each("chain", function(choose)
    see(client(), choose({certfile = file "rsa.pem"},
      {certfile = file "chained.pem"}), function(near)
      assert.equal(0, (near:verify_result()))
    end)
  end)

  each("cert_reqs, which are more", function(choose)
    for _, version in ipairs(VERSIONS) do
      local context = choose({}, {cert_reqs = ssl.CERT_REQUIRED,
        ca_certs = ROOT})
      see(both {version = version, certfile = file "client.pem"}, context,
        function(_, far)
          assert.is_table(far:getpeercert().subject)
          assert.equal(0, (far:verify_result()))
        end)
      local err = fail(both {version = version}, context)
      assert.equal(version == "TLSv1.3" and "certificate_required"
        or "handshake_failure", err.alert)
      err = fail(both {version = version, certfile = file "untrusted.pem"},
        context)
      assert.equal("unknown_ca", err.alert)
    end
  end)

  each("cert_reqs, which are less", function(choose)
    for _, version in ipairs(VERSIONS) do
      local asked = false
      see(both {version = version, on_certificate = function()
        asked = true
      end}, choose({cert_reqs = ssl.CERT_REQUIRED, ca_certs = ROOT}, {}),
        function(_, far) assert.is_nil(far:peer_certificate()) end)
      assert.is_false(asked)
    end
  end)

  each("trust", function(choose)
    local names
    local near_context = both {certfile = file "client.pem",
      on_certificate = function(_, facts) names = facts.issuers end}
    local root = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = ROOT}
    local other = {cert_reqs = ssl.CERT_REQUIRED,
      ca_certs = file "other-root.crt"}
    see(near_context, choose(other, root), function(_, far)
      assert.equal(0, (far:verify_result()))
    end)
    assert.same({{{{"organizationName", "LuaSSL"}},
      {{"commonName", "LuaSSL test root"}}}}, names)
    local err = fail(near_context, choose(root, other))
    assert.equal("unknown_ca", err.alert)
    assert.equal("LuaSSL other root", names[1][2][1][2])
    assert.is_nil(names[2])
  end)

  each("versions", function(choose)
    local function version(first, chosen)
      return see(client(), choose(first, chosen),
        function(near) return near:version() end)
    end
    assert.equal("TLSv1.2", version({minimum_version = "TLSv1.3"},
      {maximum_version = "TLSv1.2"}))
    assert.equal("TLSv1.3", version({maximum_version = "TLSv1.2"},
      {minimum_version = "TLSv1.3"}))
    assert.equal("TLSv1.2", version({},
      {ssl_version = ssl.PROTOCOL_TLSv1_2}))
    local err = fail(both {version = "TLSv1.3"},
      choose({}, {maximum_version = "TLSv1.2"}))
    assert.equal("protocol_version", err.alert)
  end)

  each("ciphers and ciphersuites", function(choose)
    local one = {ciphers = "ECDHE-RSA-AES256-GCM-SHA384",
      ciphersuites = "TLS_AES_256_GCM_SHA384"}
    local other = {ciphers = "ECDHE-RSA-CHACHA20-POLY1305",
      ciphersuites = "TLS_CHACHA20_POLY1305_SHA256"}
    for _, version in ipairs(VERSIONS) do
      local name = version == "TLSv1.2" and "ciphers" or "ciphersuites"
      for _, pair in ipairs {{one, other}, {other, one}} do
        assert.equal(pair[2][name], see(both {version = version},
          choose(pair[1], pair[2]), function(near)
            return (near:cipher())
          end))
      end
    end
  end)

  each("security level", function(choose)
    local function version(first, chosen)
      local near, err = meet(client {minimum_version = "TLSv1",
        maximum_version = "TLSv1.1", ciphers = "DEFAULT:@SECLEVEL=0"},
        choose(first, chosen))
      if not near then return err.alert end
      local found = near:version()
      part(near, err)
      return found
    end
    local old = {minimum_version = "TLSv1", ciphers = "DEFAULT:@SECLEVEL=0"}
    assert.equal("TLSv1.1", version({}, old))
    assert.equal("protocol_version", version(old, {}))
  end)

  each("num_tickets", function(choose)
    local function count(first, chosen)
      local context = both {session_cache = true}
      see(context, choose({num_tickets = first}, {num_tickets = chosen}),
        function() end)
      local found = 0
      while resuming.offers(context) do found = found + 1 end
      return found
    end
    assert.equal(3, count(0, 3))
    assert.equal(0, count(3, 0))
    assert.equal(1, count(nil, 1))
    assert.equal(2, count(1, nil))
  end)

  each("ALPN", function(choose)
    local function protocol(first, chosen, offered)
      return see(both {alpn = offered}, choose(first, chosen),
        function(near, far)
          local found = near:selected_alpn_protocol()
          assert.equal(found, far:selected_alpn_protocol())
          return found
        end)
    end
    local h1, h2 = {alpn_protocols = {"h1"}}, {alpn_protocols = {"h2"}}
    assert.equal("h2", protocol(h1, h2, {"h1", "h2"}))
    assert.equal("h1", protocol(h2, h1, {"h1", "h2"}))
    assert.equal("h1", protocol({}, h1, {"h1", "h2"}))
    assert.is_nil(protocol(h1, {}, {"h1", "h2"}))
    assert.is_nil(protocol(h1, {}, {"h2"}))
  end)

  each("alpn_strict", function(choose)
    local near_context = both {alpn = {"h1"}}
    local strict = {alpn_protocols = {"h2"}}
    local lenient = {alpn_protocols = {"h2"}, alpn_strict = false}
    assert.equal("no_application_protocol",
      fail(near_context, choose(lenient, strict)).alert)
    assert.is_nil(see(near_context, choose(strict, lenient), function(near)
      return near:selected_alpn_protocol()
    end))
  end)

  each("hooks, and none of the first one's", function(choose)
    for _, version in ipairs(VERSIONS) do
      local asked = {}
      local function hook(name)
        return function() asked[#asked + 1] = name end
      end
      local asks = {cert_reqs = ssl.CERT_OPTIONAL, ca_certs = ROOT}
      local function hooks(of)
        return {cert_reqs = asks.cert_reqs, ca_certs = ROOT,
          on_verify = hook("on_verify of " .. of),
          on_certificate = hook("on_certificate of " .. of)}
      end
      local near_context = both {version = version,
        certfile = file "client.pem"}
      see(near_context, choose(hooks "the first", hooks "the chosen"),
        function() end)
      table.sort(asked)
      assert.same({"on_certificate of the chosen",
        "on_verify of the chosen"}, asked)
      asked = {}
      see(near_context, choose(hooks "the first", asks), function() end)
      assert.same({}, asked)
      see(near_context, choose(asks, hooks "the chosen"), function() end)
      table.sort(asked)
      assert.same({"on_certificate of the chosen",
        "on_verify of the chosen"}, asked)
    end
  end)

  each("on_verify, which refuses or accepts", function(choose)
    local reason = {}
    local function asking(answer)
      return {cert_reqs = ssl.CERT_REQUIRED, ca_certs = ROOT,
        on_verify = function()
          if answer == nil then return nil, reason end
          return answer
        end}
    end
    for _, version in ipairs(VERSIONS) do
      local near_context = both {version = version,
        certfile = file "client.pem"}
      local _, err = fail(near_context, choose(asking(true), asking(nil)))
      assert.is_true(rawequal(reason, err))
      see(near_context, choose(asking(nil), asking(true)), function() end)
      near_context = both {version = version, certfile = file "untrusted.pem"}
      see(near_context, choose(asking(true), asking(ssl.ACCEPT_UNVERIFIED)),
        function() end)
      err = fail(near_context,
        choose(asking(ssl.ACCEPT_UNVERIFIED), asking(true)))
      assert.equal("unknown_ca", err.alert)
    end
  end)

  each("pins", function(choose)
    local near_context = both {certfile = file "client.pem"}
    local plain = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = ROOT}
    local pinned = {cert_reqs = ssl.CERT_REQUIRED, ca_certs = ROOT,
      pins = {WRONG_PIN}}
    see(near_context, choose(pinned, plain), function() end)
    assert.equal("pin", select(2, fail(near_context,
      choose(plain, pinned))).kind)
  end)

  each("session_cache", function(choose)
    for _, version in ipairs(VERSIONS) do
      local near_context = both {version = version, session_cache = true}
      local far_context = choose({session_cache = false}, {})
      assert.is_false(resuming.reuses(near_context, far_context))
      assert.is_true(resuming.reuses(near_context, far_context))
      near_context = both {version = version, session_cache = true}
      far_context = choose({}, {session_cache = false})
      assert.is_false(resuming.reuses(near_context, far_context))
      assert.is_false(resuming.reuses(near_context, far_context))
    end
  end)

  each("suppress_ragged_eofs", function(choose)
    local function ending(first, chosen)
      return see(client(), choose({suppress_ragged_eofs = first},
        {suppress_ragged_eofs = chosen}), function(_, far)
          far:feed(nil)
          local data, err = far:read(1)
          assert.is_nil(data)
          return err == "closed" or err:is(ssl.SSLEOFError) and "error"
        end)
    end
    assert.is_true(ending(false, true))
    assert.equal("error", ending(true, false))
  end)
end)

-- What only sockets have, or what waits.
describe("over sockets, the chosen context's", function()
  local function open(far_context, options)
    local near, far = helpers.sockets()
    near:settimeout(0)
    far:settimeout(0)
    return assert(client():wrap_socket(near, {server_hostname = "localhost"})),
      assert(far_context:wrap_socket(far, options))
  end

  each("nodelay", function(choose)
    for _, value in ipairs {true, false} do
      local near, far = open(choose({nodelay = not value}, {nodelay = value}))
      assert(helpers.handshake(near, far))
      assert.equal(value, far:getoption "tcp-nodelay")
      near:close()
      far:close()
    end
  end)

  each("suppress_ragged_eofs, unless the connection has its own",
    function(choose)
      local near, far = open(choose({}, {suppress_ragged_eofs = false}),
        {suppress_ragged_eofs = true})
      assert(helpers.handshake(near, far))
      helpers.raw(near, function(sock) sock:shutdown "send" end)
      far:settimeout(helpers.patience)
      assert.same({nil, "closed"}, {far:read()})
      near:close()
      far:close()
    end)

  local function until_fails(far, seconds)
    local deadline = socket.gettime() + seconds
    while socket.gettime() < deadline do
      local done, err = far:do_handshake()
      if not done and err ~= "wantread" then return err end
      socket.select(nil, nil, 0.01)
    end
  end

  each("handshake_timeout, which is less", function(choose)
    local near, far = open(choose({}, {handshake_timeout = 0.1}))
    near:do_handshake()  -- and no more
    local err = until_fails(far, 3)
    assert.equal("handshake_timeout", err and err.kind)
    assert.matches("0.1 seconds", tostring(err), 1, true)
    near:close()
    far:close()
  end)

  each("handshake_timeout, which is more", function(choose)
    local near, far = open(choose({handshake_timeout = 0.1}, {}))
    near:do_handshake()
    assert.is_nil(until_fails(far, 0.3))
    assert(helpers.handshake(near, far))
    near:close()
    far:close()
  end)
end)
