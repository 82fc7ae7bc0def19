-- examples/renewing_server.lua under load: openssl, GnuTLS and Python connect
-- all the time while its certificate is renewed, again and again, and no
-- handshake fails.
local helpers = require "spec.support.helpers"
local renewed = require "spec.support.renewed_certificates"
local serving = require "spec.support.serving"

helpers.audit()

local file, read, write = helpers.file, helpers.read_file, helpers.write_file

local RENEWALS = tonumber(os.getenv "LUASSL_RENEWALS") or 6  -- for measuring: more

-- A shell's loop that runs a client until `stop` is there, and tells of each
-- how it ended, what it was answered, and how the certificate began. An answer
-- may stand in the middle of what s_client says: its own words are buffered.
local LOOP = [[
while [ ! -e "$1" ]; do
  printf 'hello\nbye\n' | %s >"$2" 2>&1
  status=$?
  echo "status $status, $(grep -c 'hello$' "$2"), $(sed -n '/^-----BEGIN/{n;p;q}' "$2")"
  [ $status = 0 ] || cat "$2"
done
]]
local OPENSSL = [[openssl s_client -connect 127.0.0.1:$3 -CAfile "$4" -verify_return_error -verify_hostname localhost \
  -servername localhost -ign_eof %s]]
local CLIENTS = {
  OPENSSL:format "", OPENSSL:format "-tls1_2", OPENSSL:format "-sess_out \"$2.session\"",
  OPENSSL:format "-sigalgs ECDSA+SHA256",
  [[gnutls-cli --x509cafile "$4" --port $3 --sni-hostname localhost --verify-hostname localhost 127.0.0.1]],
}

local function start(server, stop, command)
  return helpers.spawn({"sh", "-c", LOOP:format(command), "sh", stop, helpers.temp_name(), server.port,
    file "root.crt"}, {timeout = 90})
end

-- How many ended well, how many not; adds the certificates that were shown.
local function count(peer, shown)
  local good, bad = 0, 0
  for status, answers, first in peer:output():gmatch "status (%d+), (%d+), (%S*)" do
    if status == "0" and tonumber(answers) >= 1 then good = good + 1 else bad = bad + 1 end
    if first ~= "" then shown[first] = true end
  end
  return good, bad
end

describe("a server whose certificate is renewed under load", function()
  local cert, key, server, original

  setup(function()
    cert, key = helpers.temp_name(), helpers.temp_name()
  end)

  -- As a program does that renews certificates: not both files at once.
  local function renew()
    local new_cert, new_key = renewed.make()
    write(cert, read(new_cert))
    write(key, read(new_key))
    return read(new_cert)
  end

  before_each(function()
    original = renew()
    server = helpers.spawn({helpers.interpreter, "examples/renewing_server.lua", "0", cert, key, "0.1"},
      {timeout = 90})
    server.port = server:expect "listening on 127%.0%.0%.1:(%d+)"
  end)

  after_each(function()
    server:stop()
    server = nil
  end)

  -- Waits until a new client is shown the renewed one.
  local function appears(pem)
    for _ = 1, 200 do
      local text = serving.run("sh", "-c", ("printf 'bye\\n' | openssl s_client -connect 127.0.0.1:%s -ign_eof 2>&1")
        :format(server.port))
      if text:find(pem, 1, true) then return true end
    end
    return false
  end

  it("fails no handshake of openssl's and GnuTLS's", function()
    local stop, peers, shown = helpers.temp_name(), {}, {}
    for i, command in ipairs(CLIENTS) do peers[i] = start(server, stop, command) end
    for _ = 1, RENEWALS do assert.is_true(appears(renew())) end
    write(stop, "")
    local good, bad = 0, 0
    for _, peer in ipairs(peers) do
      assert.equal(0, peer:wait(60), peer:output())
      local well, badly = count(peer, shown)
      assert.is_true(well > 0, peer:output())
      good, bad = good + well, bad + badly
      assert.equal(0, badly, peer:output())
    end
    local seen = 0
    for _ in pairs(shown) do seen = seen + 1 end
    assert.is_true(seen >= 2, "the load saw " .. seen .. " certificates")
    if os.getenv "LUASSL_NUMBERS" then
      print(("\n%d handshakes, %d failed, %d renewals, %d certificates seen"):format(good, bad, RENEWALS, seen))
    end
  end)

  it("goes on with the connections and the sessions that are there", function()
    local function client(...)
      return helpers.spawn({"openssl", "s_client", "-connect", "127.0.0.1:" .. server.port, "-CAfile", file "root.crt",
        "-servername", "localhost", "-verify_return_error", "-ign_eof", ...}, {input = true})
    end
    local session = helpers.temp_name()
    local old = client()
    old:write "before\n"
    old:expect "before\n"
    local first = client("-sess_out", session)
    first:write "bye\n"
    assert.equal(0, first:wait(), first:output())
    assert.is_true(appears(renew()))
    old:write "after\nbye\n"
    old:expect "after\n"
    assert.equal(0, old:wait(), old:output())
    assert.truthy(old:output():find(original, 1, true))
    local second = client("-sess_in", session)
    second:write "bye\n"
    assert.equal(0, second:wait(), second:output())
    assert.truthy(second:output():find("Reused, TLSv1.3", 1, true), second:output())
  end)

  it("says what is wrong with its arguments", function()
    local program = helpers.spawn {helpers.interpreter, "examples/renewing_server.lua", "0", cert}
    assert.equal(2, program:wait())
    assert.truthy(program:output():find("usage", 1, true))
  end)

  it("keeps the old certificate while the new one is of no use", function()
    write(cert, "nothing\n")
    server:expect("the old certificate stays: certfile: no certificate in ")
    assert.is_true(appears(original))
    assert.is_true(appears(renew()))
  end)
end)
