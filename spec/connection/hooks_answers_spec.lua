-- What a hook may answer, and what becomes of answers that make no sense.
local craft = require "spec.support.crafted_certificates"
local ssl = require "luassl"
local helpers = require "spec.support.helpers"
local hooking = require "spec.support.hooking_pairs"

local file = helpers.file

helpers.audit()

-- RFC 8446, B.2; RFC 6066, 9; RFC 7301, 3.2. What stands for a name is what
-- OpenSSL sends before a version is agreed upon.
local HELLO_ALERTS = {
  "unexpected_message", "bad_record_mac", "record_overflow", "handshake_failure", "bad_certificate",
  "unsupported_certificate", "certificate_revoked", "certificate_expired", "certificate_unknown",
  "illegal_parameter", "unknown_ca", "access_denied", "decode_error", "decrypt_error", "protocol_version",
  "insufficient_security", "internal_error", "inappropriate_fallback", "unsupported_extension",
  "unrecognized_name", "bad_certificate_status_response", "unknown_psk_identity", "no_application_protocol",
}

-- Design, section 6: those that can follow a verification.
local VERIFY_ALERTS = {
  "handshake_failure", "bad_certificate", "unsupported_certificate", "certificate_revoked", "certificate_expired",
  "certificate_unknown", "unknown_ca", "decrypt_error", "internal_error",
}

-- Neither nil nor a condition, which a caller would take for "not now".
local function is_refusal(err)
  return err ~= nil and not hooking.WAITS[err] and err ~= "closed"
end

hooking.each("a hook's answer", function(case)
  local function opened(place, ...)
    local hook, calls = hooking.spy(...)
    return case.open(place.options(hook)), calls
  end

  for _, place in ipairs(hooking.places) do
    local side = place.side

    it("refuses with the very value: " .. place.name, function()
      for _, value in ipairs {"because", "", 5, {}, function() end, coroutine.create(function() end), io.stdout} do
        for _, first in ipairs {"nil", "false"} do
          local answer
          if first == "false" then answer = false end
          local pair, calls = opened(place, answer, value)
          local err, other = hooking.refused(pair, side)
          assert.is_true(rawequal(value, err))
          assert.is_true(is_refusal(other))
          assert.equal(1, calls.n)
          assert.is_truthy(tostring(pair[side]):find "%(failed%)")
        end
      end
    end)

    it("refuses with `false` alone and without a reason: " .. place.name, function()
      local pair = opened(place, false)
      local err = hooking.refused(pair, side)
      assert.is_true(err:is(ssl.SSLError))
      assert.equal("hook", err.kind)
      assert.is_truthy(err:find(place.hook, 1, true))
    end)

    it("refuses with an SSLError as it is: " .. place.name, function()
      local _, reason = ssl.SSLContext {ca_certs = file "no-such-file"}
      assert.is_true(reason:is(ssl.SSLError))
      assert.is_true(rawequal(reason, (hooking.refused(opened(place, nil, reason), side))))
    end)

    it("is a condition's name, which no caller shall take for one: " .. place.name, function()
      for _, condition in ipairs {"timeout", "closed", "wantread", "wantwrite"} do
        local err, other = hooking.refused(opened(place, nil, condition), side)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("hook", err.kind)
        assert.equal(condition, err.cause)
        assert.is_true(is_refusal(other))
      end
    end)

    it("of a wrong type refuses: " .. place.name, function()
      for _, value in ipairs {1, "yes", "", function() end, coroutine.create(function() end)} do
        local pair, calls = opened(place, value)
        local err, other = hooking.refused(pair, side)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("hook", err.kind)
        assert.is_truthy(err:find(type(value), 1, true))
        assert.equal("internal_error", other.alert)
        assert.equal(1, calls.n)
      end
    end)

    it("of an unknown table or userdata refuses: " .. place.name, function()
      local pair = hooking.open "object"
      pair.client:close()
      for name, value in pairs {
        unknown = {certificat = 1}, [1] = {1}, constant = setmetatable({}, getmetatable(ssl.SSLError)),
        foreign = io.stdout, connection = pair.server, closed = pair.client,
      } do
        if not (name == "constant" and place.hook == "on_client_hello") then
          local err, other = hooking.refused(opened(place, value), side)
          assert.is_true(is_refusal(err), name)
          assert.equal("internal_error", other.alert, name)
          if name == "unknown" then
            assert.is_truthy(tostring(err):find(place.hook, 1, true), tostring(err))
          end
        end
      end
    end)

    it("that cannot be read refuses, with what it raised: " .. place.name, function()
      local reason = {}
      local value = setmetatable({}, {__index = function() error(reason) end, __pairs = function() error(reason) end})
      local err = hooking.refused(opened(place, value), side)
      if place.hook ~= "on_verify" then assert.is_true(rawequal(reason, err)) end
    end)
  end

  -- cert_cb of OpenSSL has no say in the alert.
  for _, place in ipairs {hooking.places[2], hooking.places[3]} do
    it("is told the peer by internal_error: " .. place.name, function()
      local err, other = hooking.refused(opened(place, nil, "bad_certificate"), place.side)
      assert.equal("bad_certificate", err)
      assert.equal("internal_error", other.alert)
      assert.equal("received", other.alert_direction)
    end)
  end

  for _, place in ipairs {hooking.places[4], hooking.places[5]} do
    local side, other_side = place.side, place.side == "client" and "server" or "client"

    it("sends each alert that can follow a verification: " .. place.name, function()
      for _, alert in ipairs(VERIFY_ALERTS) do
        local pair = opened(place, nil, alert)
        local err, other = hooking.refused(pair, side)
        assert.equal(alert, err)
        assert.equal(alert, other.alert)
        assert.equal("received", other.alert_direction)
        assert.equal(0, (pair[side]:verify_result()))
        assert.same({}, pair[side]:getpeercert())
        assert.is_nil(pair[side]:version())
      end
    end)

    it("sends certificate_unknown for what cannot: " .. place.name, function()
      for _, alert in ipairs {"unrecognized_name", "access_denied", "close_notify", "no_such_alert"} do
        local err, other = hooking.refused(opened(place, nil, alert), side)
        assert.equal(alert, err)
        assert.equal("certificate_unknown", other.alert, alert)
      end
    end)

    it("keeps the verdict's own alert for a bad one: " .. place.name, function()
      local verdicts = {untrusted = "unknown_ca"}
      verdicts[side == "client" and "expired" or "ecdsa"] =
        side == "client" and "certificate_expired" or "unsupported_certificate"
      for cert, alert in pairs(verdicts) do
        local options = {client = {}, server = {}}
        options[side] = hooking.asking {check_hostname = side == "client",
          on_verify = function(_, facts) return nil, "no: " .. facts.verify_code end}
        options[other_side] = {certfile = file(cert .. ".pem")}
        local pair = case.open(options.client, options.server)
        local err, other = hooking.refused(pair, side)
        assert.is_truthy(err:find "^no: %d+$")
        assert.equal(alert, other.alert)
        assert.equal(err, "no: " .. pair[side]:verify_result())
      end
    end)

    it("may accept what is good anyhow: " .. place.name, function()
      local pair = opened(place, ssl.ACCEPT_UNVERIFIED)
      hooking.talk(hooking.succeed(pair))
      assert.equal(0, (pair[side]:verify_result()))
      assert.is_table(pair[side]:getpeercert().subject)
    end)

    it("cannot accept by a copy of ACCEPT_UNVERIFIED or its name: " .. place.name, function()
      for _, value in ipairs {{}, tostring(ssl.ACCEPT_UNVERIFIED), "ACCEPT_UNVERIFIED",
        setmetatable({}, {__eq = function() return true end})} do
        local options = {client = {}, server = {}}
        options[side] = hooking.asking {check_hostname = side == "client", on_verify = function() return value end}
        options[other_side] = {certfile = file "untrusted.pem"}
        assert.is_true(is_refusal((hooking.refused(case.open(options.client, options.server), side))))
      end
    end)

    it("is not wanted where the pins do not hold: " .. place.name, function()
      for _, cert in ipairs {"good", "bad"} do
        local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
        local options = {client = {}, server = {}}
        options[side] = hooking.asking {check_hostname = side == "client", on_verify = hook,
          pins = {"sha256//" .. ("A"):rep(43) .. "="}}
        local name = cert == "bad" and "untrusted" or side == "client" and "ecdsa" or "client"
        options[other_side] = {certfile = file(name .. ".pem")}
        local pair = case.open(options.client, options.server)
        local err, other = hooking.refused(pair, side)
        assert.is_true(err:is(ssl.SSLCertVerificationError))
        assert.equal("pin", err.kind)
        assert.equal("bad_certificate", other.alert)
        assert.equal(0, calls.n)
        assert.same({}, pair[side]:getpeercert())
      end
    end)
  end

  -- In TLS 1.2 OpenSSL's servers do not show such a certificate.
  local it_in_13 = case.tls13 and it or function() end

  it_in_13("has its say about names that cannot be read", function()
    local path, pem = craft.certificate {san = "DER:020105"}
    for _, name in ipairs {"localhost", "a_b.example.com"} do
      local hook, calls = hooking.spy(ssl.ACCEPT_UNVERIFIED)
      hooking.talk(hooking.succeed(case.open({on_verify = hook,
        ca_certs = helpers.temp_file(pem)}, {certfile = path}, {host = name})))
      assert.equal(1, calls.n)
      assert.equal(62, calls.facts.verify_code)  -- X509_V_ERR_HOSTNAME_MISMATCH
    end
  end)

  it("sends each alert from on_client_hello", function()
    for _, alert in ipairs(HELLO_ALERTS) do
      local pair = opened(hooking.places[1], nil, alert)
      local err, other = hooking.refused(pair, "server")
      assert.equal(alert, err)
      assert.equal(alert, other.alert)
      assert.equal("received", other.alert_direction)
    end
  end)

  it("sends handshake_failure from on_client_hello for what is no alert", function()
    for _, reason in ipairs {"because", "close_notify", "Bad_Certificate", 40} do
      local err, other = hooking.refused(opened(hooking.places[1], nil, reason), "server")
      assert.equal(reason, err)
      assert.equal("handshake_failure", other.alert, reason)
    end
  end)

  it("ACCEPT_UNVERIFIED decides only on_verify", function()
    for i = 1, 3 do
      local place = hooking.places[i]
      local err = hooking.refused(opened(place, ssl.ACCEPT_UNVERIFIED), place.side)
      assert.is_true(is_refusal(err), place.name)
    end
  end)
end)

describe("ssl.ACCEPT_UNVERIFIED", function()
  it("is a constant with a name", function()
    assert.equal("ssl.ACCEPT_UNVERIFIED", tostring(ssl.ACCEPT_UNVERIFIED))
    assert.is_false(pcall(function() ssl.ACCEPT_UNVERIFIED.field = 1 end))
    assert.is_false(pcall(setmetatable, ssl.ACCEPT_UNVERIFIED, {}))
  end)
end)
