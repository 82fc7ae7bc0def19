-- `luassl inspect`: verdict, problems, exit status; of servers and of files.
local cli = require "spec.support.cli"
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local CA = helpers.file "root.crt"

local function codes(result)
  local list = {}
  for _, problem in ipairs(result.verdict.problems) do list[#list + 1] = problem.code end
  return table.concat(list, " ")
end

-- A server of openssl's, and what is said of it.
local function look(options, ...)
  local server = helpers.s_server(options)
  local result, status = cli.json("inspect", "--ca", CA, "localhost:" .. server.port, ...)
  server:stop()
  return result, status
end

describe("luassl inspect", function()
  if not cli.found then return pending(cli.missing) end

  it("shows a server, and finds it good", function()
    local result, status = look {arguments = {"-www"}}
    assert.equal(0, status)
    assert.equal("good", result.verdict.status)
    assert.equal("TLSv1.3", result.version)
    assert.equal("TLS_AES_256_GCM_SHA384", result.cipher)
    assert.matches("^x25519", result.group:lower())
    assert.equal("yes", result.resumption)
    assert.equal("127.0.0.1", result.address)
    assert.is_true(result.verified)
    local leaf = ssl.load_certificates(helpers.read_file(helpers.file "rsa.crt"))[1]
    assert.equal(leaf:pin(), result.sent[1].pin)
    assert.equal(leaf:digest(), result.sent[1].fingerprint)
    assert.equal(leaf:days_left(), result.sent[1].days_left)
    assert.same({"localhost", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1"}, result.sent[1].names)
    assert.equal(2, #result.built)
    -- The pin is ready for use.
    local near, far = helpers.pair {client = {pins = {result.sent[1].pin}}}
    assert.is_true(helpers.handshake(near, far))
    near:close()
    far:close()
  end)

  for name, expected in pairs {
    expired = "expired", future = "not_yet_valid", noname = "common_name_only", other = "name_mismatch",
    selfsigned = "depth_zero_self_signed_cert self_signed", untrusted = "chain_incomplete", client = "purpose",
    enciphering = "key_usage",
  } do
    it("says what is wrong with " .. name, function()
      local result, status = look {cert = name}
      assert.equal(1, status)
      assert.equal("refused", result.verdict.status)
      assert.is_false(result.verified)
      assert.truthy(expected:find(result.verdict.problems[#result.verdict.problems].code, 1, true) or
        codes(result):find(expected, 1, true), codes(result))
    end)
  end

  it("ends with 3 where less than --warn days are left", function()
    local server = helpers.s_server {arguments = {"-www"}}
    local days = ssl.load_certificates(helpers.read_file(helpers.file "rsa.crt"))[1]:days_left()
    for warn, expected in pairs {[days] = 0, [days + 2] = 3} do
      local result, status = cli.json("inspect", "--ca", CA, "--warn", warn, "localhost:" .. server.port)
      assert.equal(expected, status)
      assert.equal(expected == 3 and ("it expires in %d days"):format(days),
        (cli.has(result.verdict.problems, "expires") or ""):match "^it expires in %d+ days" or false)
    end
    server:stop()
  end)

  it("tells an intermediate certificate that is missing, and one in the wrong order", function()
    local result, status = look {cert = "chained"}
    assert.equal(0, status)
    assert.equal("", codes(result))
    local server = helpers.s_server {cert = "brief"}  -- without its intermediate one
    result, status = cli.json("inspect", "--ca", CA, "localhost:" .. server.port)
    assert.equal(1, status)
    assert.matches("the chain is incomplete: the certificate of the issuer, O = LuaSSL, CN = LuaSSL brief intermediate",
      cli.has(result.verdict.problems, "chain_incomplete"))
    -- Trusted here, it is still missing.
    local both = helpers.temp_file(helpers.read_file(CA) .. helpers.read_file(helpers.file "brief-intermediate.crt"))
    result, status = cli.json("inspect", "--warn", "1", "--ca", both, "localhost:" .. server.port)
    server:stop()
    assert.equal(0, status)
    assert.truthy(cli.has(result.verdict.problems, "chain_incomplete"), codes(result))
    local mixed = helpers.temp_file(helpers.read_file(helpers.file "other-root.crt")
      .. helpers.read_file(helpers.file "root.crt") .. helpers.read_file(helpers.file "intermediate.crt")
      .. helpers.read_file(helpers.file "intermediate.crt"))
    result = look {arguments = {"-cert", helpers.file "chained.crt", "-key", helpers.file "chained.key", "-cert_chain",
      mixed}}
    assert.equal("wrong_order unrelated root_sent sent_twice", codes(result))
    assert.matches("right would be 1, 4, 3$", cli.has(result.verdict.problems, "wrong_order"))
    assert.equal("good", result.verdict.status)
  end)

  it("shows what a server has that speaks TLS 1.0 alone, and does not call it verified", function()
    local result, status = look {arguments = {"-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"}}
    assert.equal(1, status)
    assert.equal("refused", result.verdict.status)
    assert.equal("TLSv1", result.version)
    assert.is_false(result.verified)
    assert.matches("CN = localhost$", result.sent[1].subject)
    assert.matches("version", result.verdict.text)
  end)

  it("tells that a server wants a client's certificate, and shows one", function()
    local arguments = {"-Verify", "1", "-verify_return_error", "-CAfile", CA}
    local result, status = look {arguments = arguments}
    assert.equal(1, status)
    assert.matches("certificate_required", result.verdict.text)
    assert.is_false(result.verified)
    result, status = look({arguments = arguments}, "--client-cert", helpers.file "client.pem")
    assert.equal("good", result.verdict.text)
    assert.equal(0, status)
  end)

  it("tells the stapled OCSP response, and refuses a bad one", function()
    local result, status = look {arguments = {"-status_file", helpers.file "good.ocsp"}}
    assert.equal(0, status)
    assert.equal("good", result.ocsp.status)
    result, status = look {arguments = {"-status_file", helpers.file "revoked.ocsp"}}
    assert.equal(1, status)
    assert.equal("revoked", result.ocsp.status)
    assert.is_false(result.verified)
    assert.matches("CN = localhost$", result.sent[1].subject)
  end)

  it("expects --name instead of the host", function()
    local server = helpers.s_server {cert = "wildcard"}
    local where = "127.0.0.1:" .. server.port
    local good, status = cli.json("inspect", "--ca", CA, "--name", "www.wildcard.example", where)
    assert.equal(0, status, good.verdict.text)
    local bad
    bad, status = cli.json("inspect", "--ca", CA, where)
    server:stop()
    assert.equal(1, status)
    assert.equal("it is not for 127.0.0.1, but for *.wildcard.example",
      cli.has(bad.verdict.problems, "name_mismatch"))
  end)

  it("tells what was not reached", function()
    for _, target in ipairs {"localhost:1", "no.such.host.invalid"} do
      local output, status = cli.run("inspect", target)
      assert.equal(2, status, output)
      assert.matches("^Verdict: unreachable: ", output)
    end
    local silent = assert(socket.bind("127.0.0.1", 0))
    local output, status = cli.run("inspect", "--timeout", "0.3", "127.0.0.1:" .. select(2, silent:getsockname()))
    silent:close()
    assert.equal(2, status, output)
    assert.matches("does not answer the TLS handshake in time", output)
  end)

  it("shows no colours and no control characters where there is no terminal", function()
    local server = helpers.s_server {cert = "names"}
    local output = cli.run("inspect", "--ca", CA, "localhost:" .. server.port)
    server:stop()
    assert.is_nil(output:find "[^ -~\n]")
    for _, row in ipairs {"Server ", "TLS ", "Chain as sent", "fingerprint\n?", "Chain as verified", "Verdict: good"} do
      assert.truthy(output:find(row) or row:find "fingerprint", output)
    end
    assert.matches("pin +sha256//", output)
  end)
end)

describe("luassl inspect FILE", function()
  if not cli.found then return pending(cli.missing) end

  local function file(name, ...)
    return cli.json("inspect", "--ca", CA, helpers.file(name), ...)
  end

  it("reads PEM with key and chain, DER, PKCS#12", function()
    local result, status = file("chained.pem", "--name", "localhost")
    assert.equal(0, status, result.verdict.text)
    assert.equal(2, #result.sent)
    assert.is_true(result.key_fits)
    result, status = file "rsa.der"
    assert.equal(0, status)
    assert.equal("DER", result.kind)
    result, status = file("ecdsa.p12", "--password-file", helpers.temp_file "secret\n")
    assert.equal(0, status, result.verdict.text)
    assert.equal("PKCS#12", result.kind)
  end)

  it("judges names and dates", function()
    local result, status = file("rsa.crt", "--name", "www.example")
    assert.equal(1, status)
    assert.truthy(cli.has(result.verdict.problems, "name_mismatch"))
    result, status = file "expired.crt"
    assert.equal(1, status)
    assert.equal("expired", codes(result))
    result, status = file "untrusted.crt"
    assert.equal(1, status)
    assert.equal("chain_incomplete", codes(result))
    assert.is_false(result.verified)
  end)

  it("looks at a bundle of authorities, each for itself", function()
    local result, status = file "roots.crt"
    assert.equal(0, status)
    assert.equal("authorities", result.contents)
    assert.equal(3, #result.sent)
    assert.is_false(result.verified)
  end)

  it("tells a key that is another's, and shows none", function()
    local path = helpers.temp_file(helpers.read_file(helpers.file "rsa.crt")
      .. helpers.read_file(helpers.file "ecdsa.key"))
    local output, status = cli.run("inspect", "--ca", CA, path)
    assert.equal(1, status)
    assert.matches("no server can use this key and this certificate together", output)
    assert.is_nil(output:find "BEGIN")
  end)

  it("says no bad word about a key that is encrypted", function()
    local result, status = file "rsa-encrypted.pem"
    assert.equal(0, status)
    assert.is_nil(result.key_fits)
    result = file("rsa-encrypted.pem", "--password-file", helpers.temp_file "secret")
    assert.is_true(result.key_fits)
    result, status = file("rsa-encrypted.pem", "--password-file", helpers.temp_file "other")
    assert.equal(1, status)
    assert.is_false(result.key_fits)
  end)

  it("says what else a file is", function()
    local p12 = "without its passphrase %(%-%-password%-file%)"
    for name, text in pairs {["rsa.key"] = "no certificate, but PRIVATE KEY", ["empty.pem"] = "it is empty",
        ["text.pem"] = "certificate", ["root.crl"] = "no certificate, but X509 CRL", ["garbage.pem"] = "certificate",
        ["rsa-pkcs8.der"] = "it is DER, but no certificate", ["ecdsa.p12"] = p12} do
      local output, status = cli.run("inspect", helpers.file(name))
      assert.equal(2, status, output)
      assert.matches(text, output)
    end
    local output, status = cli.run("inspect", "./no such file")
    assert.equal(2, status)
    assert.matches("No such file", output)
  end)

  it("reads standard input", function()
    local process = helpers.spawn({helpers.interpreter, "bin/luassl", "inspect", "--ca", CA, "-"},
      {input = helpers.read_file(helpers.file "rsa.crt")})
    assert.equal(0, process:wait(20), process:output())
  end)
end)

describe("luassl", function()
  if not cli.found then return pending(cli.missing) end

  it("tells wrong use by 64", function()
    for _, words in ipairs {{}, {"look"}, {"inspect"}, {"inspect", "host:0"}, {"inspect", "a b"}, {"check", "x:99999"},
        {"inspect", "--starttls", "http", "x"}, {"inspect", "--warn", "-1", "x"}, {"inspect", "--ca", "/none", "x"},
        {"inspect", "--client-cert", "/none", "localhost:1"}} do
      local output, status = cli.run((table.unpack or unpack)(words))
      assert.equal(64, status, table.concat(words, " ") .. ": " .. output)
      assert.is_nil(output:find "traceback", output)
    end
  end)

  it("tells its version, its options, and completions", function()
    assert.matches("^LuaSSL %d", (cli.run "--version"))
    assert.matches("Usage: luassl", (cli.run "--help"))
    for _, shell in ipairs {"bash", "zsh", "fish"} do
      local output, status = cli.run("--completion", shell)
      assert.equal(0, status)
      assert.matches("starttls", output)
    end
  end)

  it("tells by 74 that its output went nowhere", function()
    for _, redirection in ipairs {">&-", ">/dev/full"} do
      local process = helpers.spawn {"sh", "-c", ("LD_PRELOAD='%s' %s bin/luassl inspect %s %s"):format(
        helpers.preloaded or "", helpers.interpreter, helpers.file "rsa.crt", redirection)}
      assert.equal(74, process:wait(20), process:output())
      assert.matches("^luassl: cannot write: ", helpers.without_sanitizer(process:output()))
    end
  end)

  it("has a manual page with every option, and a page of the site", function()
    local manual = helpers.read_file "doc/luassl.1":gsub("\\?%-", "-")
    local page = helpers.read_file "doc/command.md"
    for _, command in ipairs {"inspect", "check", "versions", "serve", "ca"} do
      local help = cli.run(command, "--help")
      for option in help:gmatch "%-%-([%l-]+)" do
        assert.truthy(option == "help" or manual:find("Fl -" .. option, 1, true), option)
      end
      assert.truthy(page:find("luassl " .. command, 1, true) and manual:find("Cm " .. command, 1, true), command)
    end
    for _, name in ipairs {"problems", "chain", "judgement", "inspect"} do
      local source = helpers.read_file("bin/lua/luassl/cli/" .. name .. ".lua")
      for _, pattern in ipairs {'"error", "([%l_]+)"', '"warning", "([%l_]+)"', '"note", "([%l_]+)"',
          'return "([%l_]+)", ', 'code = "([%l_]+)"'} do
        for code in source:gmatch(pattern) do
          local is_severity = code == "error" or code == "warning" or code == "note"
          assert.truthy(is_severity or page:find("`" .. code .. "`", 1, true), code)
        end
      end
    end
    local mandoc = helpers.spawn {"sh", "-c", "command -v mandoc"}
    if mandoc:wait() ~= 0 then return pending "there is no mandoc" end
    local lint = helpers.spawn {"mandoc", "-T", "lint", "-W", "warning", "doc/luassl.1"}
    assert.equal(0, lint:wait(), lint:output())
  end)
end)
