-- What looks wrong with the certificates of a context, though it can use them.
local renewed = require "spec.support.renewed_certificates"
local helpers = require "spec.support.helpers"
local serving = require "spec.support.serving"
local ssl = require "luassl"

helpers.audit()

local file, read = helpers.file, helpers.read_file

local function joined(...)
  local parts = {}
  for i, name in ipairs {...} do parts[i] = read(file(name)) end
  return helpers.temp_file(table.concat(parts))
end

local function context(options)
  options.server_side = true
  return assert(ssl.SSLContext(options))
end

-- The kinds, in order.
local function kinds(options)
  local list = {}
  for i, warning in ipairs(context(options):warnings()) do list[i] = warning.kind end
  return list
end

-- The one warning there is.
local function only(options)
  local list = context(options):warnings()
  assert.equal(1, #list)
  return list[1]
end

describe("warnings", function()
  it("are none where nothing is wrong", function()
    for _, name in ipairs {"rsa.pem", "chained.pem", "selfsigned.pem"} do
      assert.same({}, kinds {certfile = file(name)})
    end
    assert.same({}, kinds {certfile = joined("chained.pem", "root.crt")})
    assert.same({}, assert(ssl.SSLContext()):warnings())
    assert.same({}, kinds {})
  end)

  it("are tables: kind, text, option, file", function()
    assert.same({kind = "expired", option = "certfile", file = file "expired.pem",
      text = ("certfile: certificate 1 in %s (CN=expired) expired on Jan  1 00:00:00 2021 GMT")
        :format(file "expired.pem")}, only {certfile = file "expired.pem"})
    local warning = only {cert = read(file "future.pem")}
    assert.same({kind = "not_yet_valid", option = "cert",
      text = "cert: certificate 1 in it (CN=future) is not valid before Jan  1 00:00:00 2099 GMT"}, warning)
  end)

  it("are the caller's own list", function()
    local expired = context {certfile = file "expired.pem"}
    local list = expired:warnings()
    list[1].kind, list[2] = "changed", {}
    assert.equal(1, #expired:warnings())
    assert.equal("expired", expired:warnings()[1].kind)
  end)

  it("tell of each certificate of the chain", function()
    local old = renewed.expired_chain()
    local list = context {certfile = old}:warnings()
    assert.equal(1, #list)
    assert.truthy(list[1].text:find("certificate 2 in " .. old, 1, true), list[1].text)
  end)

  it("tell of an issuer that is missing, not of a root", function()
    local lone = joined("chained.crt", "chained.key")
    local warning = only {certfile = lone}
    assert.equal("incomplete", warning.kind)
    assert.equal(("certfile: the chain in %s ends with CN=chained: its issuer CN=LuaSSL test intermediate,O=LuaSSL is "
      .. "neither there nor trusted here, and peers that do not have it cannot verify"):format(lone), warning.text)
    assert.same({}, kinds {certfile = lone, ca_certs = file "intermediate.crt"})
    assert.same({}, kinds {certfile = lone, ca_certs = file "roots.crt"})
    assert.same({"incomplete"}, kinds {certfile = lone, ca_certs = file "root.crt"})
    assert.same({"incomplete"}, kinds {certfile = file "untrusted.pem"})  -- not one of the system's
    assert.same({}, kinds {certfile = file "untrusted.pem", ca_certs = file "other-root.crt"})
  end)

  it("tell of the wrong order, in which nothing is sent", function()
    for _, name in ipairs {joined("intermediate.crt", "chained.crt", "chained.key"),
      joined("root.crt", "intermediate.crt", "chained.crt", "chained.key"),
      joined("chained.crt", "root.crt", "intermediate.crt", "chained.key")} do
      local disordered = serving.context {certfile = name}
      local list = disordered:warnings()
      assert.equal(1, #list)
      assert.equal("order", list[1].kind)
      assert.equal(("certfile: the certificates in %s are out of order: it should be the key's, then each one's "
        .. "issuer, and so they are sent"):format(name), list[1].text)
      local sent = serving.sent(disordered)
      assert.equal(read(file "chained.crt"), sent[1])
      assert.equal(read(file "intermediate.crt"), sent[2])
    end
  end)

  it("leave what belongs to no chain behind it", function()
    local name = joined("chained.pem", "other-root.crt")
    assert.same({}, kinds {certfile = name})
    name = joined("chained.crt", "other-root.crt", "intermediate.crt", "chained.key")
    assert.same({"order"}, kinds {certfile = name})
    local sent = serving.sent(context {certfile = name})
    assert.same({read(file "chained.crt"), read(file "intermediate.crt"), read(file "other-root.crt")}, sent)
  end)

  it("tell of a certificate whose type of key comes again", function()
    local list = context {certificates = {{certfile = file "rsa.pem"}, {certfile = file "ecdsa.pem"},
      {certfile = file "signing.pem"}}}:warnings()
    assert.same({{kind = "replaced", option = "certificates[1].certfile", file = file "rsa.pem",
      text = "certificates[1].certfile: it is not used: certificates[3].certfile has a key of the same type (RSA) and "
        .. "takes its place"}}, list)
  end)

  it("hide a name that looks like a key", function()
    local name = helpers.temp_name() .. "a\nb"
    local handle = assert(io.open(name, "w"))
    handle:write(read(file "expired.pem"))
    handle:close()
    local warning = only {certfile = name}
    assert.is_nil(warning.file)
    assert.truthy(warning.text:find("a file whose name is not shown", 1, true))
    assert(os.remove(name))
  end)

  it("change with what is set and reloaded, and with nothing that failed", function()
    local name = helpers.temp_file(read(file "expired.pem"))
    local changed = context {certfile = name}
    helpers.write_file(name, read(file "rsa.pem"))
    assert.equal("expired", changed:warnings()[1].kind)
    assert.is_true(changed:reload())
    assert.same({}, changed:warnings())
    assert.is_nil(changed:reload {certfile = "/nowhere"})
    assert.same({}, changed:warnings())
    assert.is_true(changed:set {certfile = file "expired.pem"})
    assert.equal("expired", changed:warnings()[1].kind)
    assert.is_true(changed:set {nodelay = false})
    assert.equal(1, #changed:warnings())
  end)
end)
