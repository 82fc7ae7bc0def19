-- The errors a user meets before the first connection, as `wrap_socket`,
-- `connect` and contexts give them: each names the file or option, says what
-- is wrong with it and what to do. And none of them tells a secret.
local complaint = require "spec.support.complaint_checks"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local expect_error = complaint.expect
local file = helpers.file
local RIGHT, WRONG = complaint.right, complaint.wrong

local function with(options, more)
  local merged = {}
  for name, value in pairs(options) do merged[name] = value end
  for name, value in pairs(more or {}) do merged[name] = value end
  return merged
end

-- With a connected socket, which must survive that.
local function wrap_connected_with(options)
  local near, far = helpers.sockets()
  local conn, err = ssl.wrap_socket(near, options)
  if not conn then
    assert(far:send "still there\n")
    near:settimeout(helpers.patience)
    assert.equal("still there", (near:receive()))
  end
  near:close()
  far:close()
  return conn, err
end

local function wrap_unconnected_with(options)
  local sock = socket.tcp()
  local conn, err = ssl.wrap_socket(sock, options)
  sock:close()
  return conn, err
end

-- Nothing listens there: who looks at the file first does not notice.
local function connect_with(options)
  return ssl.connect("127.0.0.1", helpers.free_port(), options)
end

local function refused_everywhere(expected, options)
  expected.file = expected.file or options.certfile or options.ca_certs
  expected.words[#expected.words + 1] = expected.file
  for _, open in ipairs {wrap_connected_with, wrap_unconnected_with,
    connect_with, ssl.SSLContext, ssl.create_default_context} do
    expect_error(expected, open(options))
  end
end

describe("a file for an option", function()
  local function describe_option(option, others)
    local function refused(name, expected)
      refused_everywhere(expected, with({[option] = name}, others))
    end

    it("that is missing is named, " .. option, function()
      refused(file "no-such.pem",
        {kind = "file", words = {option, "does not exist"}})
    end)

    it("that is a directory is named, " .. option, function()
      refused(file "empty",
        {kind = "file", words = {option, "is a directory"}})
    end)

    it("that is empty is named, " .. option, function()
      refused(file "empty.pem", {kind = "pem", words = {option, "is empty"}})
    end)

    it("that is no PEM is named, " .. option, function()
      refused(file "text.pem",
        {kind = "pem", words = {option, "nor PEM", "-----BEGIN"}})
    end)

    it("whose PEM is damaged is named, " .. option, function()
      refused(file "garbage.pem",
        {kind = "pem", words = {option, "certificate 1 in", "damaged"}})
    end)

    it("with no certificate is named, " .. option, function()
      refused(file "rsa.key", {kind = "pem",
        words = {option, "no certificate", "PRIVATE KEY"}})
    end)
  end

  describe_option("certfile")
  describe_option("ca_certs", {cert_reqs = ssl.CERT_REQUIRED})

  it("may be missing for the key alone, which is named", function()
    local name = file "no-such.key"
    refused_everywhere({kind = "file", file = name,
      words = {"keyfile", "does not exist"}},
      {certfile = file "rsa.crt", keyfile = name})
  end)

  it("needs a key", function()
    refused_everywhere({kind = "pem", words = {"no private key", "keyfile"}},
      {certfile = file "rsa.crt"})
  end)

  it("needs the certificate's key, and both are named", function()
    for _, name in ipairs {"client.key", "rsa.key"} do
      refused_everywhere({kind = "key_mismatch", file = file(name),
        words = {"private key", "does not belong", file "ecdsa.crt"}},
        {certfile = file "ecdsa.crt", keyfile = file(name)})
    end
    local combined = helpers.temp_file(helpers.read_file(file "client.key")
      .. helpers.read_file(file "ecdsa.crt"))
    refused_everywhere({kind = "key_mismatch",
      words = {"private key", "certificate"}}, {certfile = combined})
  end)
end)

describe("an encrypted key", function()
  local name = file "rsa-encrypted.pem"

  it("needs a passphrase, and nobody is asked for it", function()
    refused_everywhere({kind = "passphrase",
      words = {"encrypted", "passphrase", "password"}}, {certfile = name})
    for _, key in ipairs {"rsa-pkcs8.key", "rsa-traditional.key"} do
      refused_everywhere({kind = "passphrase", file = file(key),
        words = {"encrypted", "password"}},
        {certfile = file "rsa.crt", keyfile = file(key)})
    end
  end)

  it("needs the right passphrase", function()
    for _, key in ipairs {"rsa-pkcs8.key", "rsa-traditional.key"} do
      refused_everywhere({kind = "passphrase", file = file(key),
        words = {"wrong passphrase"}},
        {certfile = file "rsa.crt", keyfile = file(key), password = WRONG})
    end
  end)

  it("needs it from a function too", function()
    refused_everywhere({kind = "passphrase", words = {"wrong passphrase"}},
      {certfile = name, password = function() return WRONG end})
    refused_everywhere(
      {kind = "passphrase", words = {"password function gave no"}},
      {certfile = name, password = function() return nil end})
  end)

  it("gives what the function raised, the same value", function()
    local raised = setmetatable({}, {__tostring = function() return "" end})
    local options = {certfile = name, password = function() error(raised) end}
    for _, open in ipairs {wrap_connected_with, wrap_unconnected_with,
      connect_with, ssl.SSLContext} do
      local conn, err = open(options)
      assert.is_nil(conn)
      assert.is_true(rawequal(raised, err))
    end
  end)

  it("serves once the passphrase is right", function()
    for _, password in ipairs {RIGHT, function(asked)
      assert.equal(name, asked)
      return RIGHT
    end} do
      local client, server = helpers.pair {
        server = {certfile = name, password = password}}
      assert(helpers.handshake(client, server))
    end
  end)
end)

describe("options without effect", function()
  it("are ciphers that do not exist", function()
    for _, option in ipairs {"ciphers", "ciphersuites"} do
      for _, open in ipairs {wrap_unconnected_with, connect_with} do
        expect_error({kind = "cipher", words = {option, "NO-SUCH-CIPHER"}},
          open {[option] = "NO-SUCH-CIPHER"})
      end
    end
  end)

  it("are versions that OpenSSL cannot speak", function()
    for _, name in ipairs {"SSLv2", "SSLv3"} do
      for _, open in ipairs {wrap_connected_with, wrap_unconnected_with} do
        expect_error({kind = "unsupported",
          words = {name, "not supported by this OpenSSL"}},
          open {ssl_version = ssl["PROTOCOL_" .. name]})
      end
    end
  end)

  it("are versions below the security level, with what makes them possible",
    function()
      local _, err = wrap_unconnected_with {ssl_version = ssl.PROTOCOL_TLSv1}
      expect_error({kind = "unsupported", words = {"TLSv1 ", "security level",
        'ciphers="DEFAULT:@SECLEVEL=0"'}}, nil, err)
      local ciphers = tostring(err):match 'ciphers="([^"]+)"'
      assert(wrap_unconnected_with {ssl_version = ssl.PROTOCOL_TLSv1,
        ciphers = ciphers})
      _, err = connect_with {minimum_version = "TLSv1",
        maximum_version = "TLSv1.1"}
      expect_error({kind = "unsupported", words = {"TLSv1.1", "security level",
        'ciphers="DEFAULT:@SECLEVEL=0"'}}, nil, err)
    end)

  it("are cert_reqs with nothing to verify by", function()
    for _, reqs in ipairs {ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED} do
      expect_error({kind = "no_trust", words = {"ca_certs"}},
        wrap_unconnected_with {cert_reqs = reqs})
    end
  end)
end)
