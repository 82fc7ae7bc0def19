-- `luassl check`, `versions`, `serve` and `ca`.
local cli = require "spec.support.cli"
local helpers = require "spec.support.helpers"
local socket = require "socket"

helpers.audit()

local CA = helpers.file "root.crt"

describe("luassl check", function()
  if not cli.found then return pending(cli.missing) end
  local servers

  setup(function()
    servers = {}
    for _, name in ipairs {"rsa", "expired", "other"} do
      servers[name] = helpers.s_server {cert = name, arguments = {"-www"}}
    end
  end)
  teardown(function()
    for _, server in pairs(servers) do server:stop() end
    servers = nil
  end)

  local function at(name) return "localhost:" .. servers[name].port end

  it("has a line for each server, in order, and the worst one's status", function()
    local output, status = cli.run("check", "--ca", CA, at "rsa", at "expired", "localhost:1", at "other")
    assert.equal(1, status)
    local lines = {}
    for line in output:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal(4, #lines, output)
    assert.matches("^good +" .. at "rsa" .. "  TLSv1.3, %d+ days left$", lines[1])
    assert.matches("^refused +" .. at "expired" .. "  it expired on 2021%-01%-01 ", lines[2])
    assert.matches("^unreachable +localhost:1  ", lines[3])
    assert.matches("^refused +" .. at "other" .. "  it is not for localhost, but for other.example$", lines[4])
  end)

  it("ends with 0, 2 or 3 as well", function()
    assert.equal(0, (select(2, cli.run("check", "--ca", CA, at "rsa", at "rsa"))))
    assert.equal(2, (select(2, cli.run("check", "--ca", CA, at "rsa", "localhost:1"))))
    local output, status = cli.run("check", "--ca", CA, "--warn", "1000", at "rsa")
    assert.equal(3, status)
    assert.matches("^expires +", output)
  end)

  it("takes a list from standard input, and prints JSON", function()
    local process = helpers.spawn({helpers.interpreter, "bin/luassl", "check", "--json", "--ca", CA, "-"},
      {input = "# servers\n\n" .. at "rsa" .. "  # the first\nlocalhost:1\n"})
    assert.equal(2, process:wait(30), process:output())
    local first, second = process:output():match "^([^\n]+)\n([^\n]+)\n$"
    local json = require "dkjson"
    assert.is_true(json.decode(first).verified)
    assert.equal("unreachable", json.decode(second).status)
    assert.is_false(json.decode(second).verified)
  end)

  it("waits for silent servers at the same time, --jobs of them", function()
    local silent = assert(socket.bind("127.0.0.1", 0, 64))
    local words = {"check", "--timeout", "1", "--ca", CA}
    for _ = 1, 20 do words[#words + 1] = "127.0.0.1:" .. select(2, silent:getsockname()) end
    words[#words + 1] = at "rsa"
    local before = socket.gettime()
    local output, status = cli.run((table.unpack or unpack)(words))
    assert.equal(2, status)
    assert.equal(20, select(2, output:gsub("unreachable ", "")))
    assert.matches("\ngood ", output)
    assert.is_true(socket.gettime() - before < 15, "one after the other")
    silent:close()
  end)
end)

describe("luassl versions", function()
  if not cli.found then return pending(cli.missing) end

  it("finds what a server speaks", function()
    local server = helpers.s_server {arguments = {"-www", "-tls1_2", "-cipher",
      "ECDHE-RSA-AES128-GCM-SHA256:AES256-SHA", "-groups", "X25519:P-384"}}
    local result, status = cli.json("versions", "localhost:" .. server.port)
    assert.equal(0, status)
    assert.equal(1, #result.versions)
    local found = result.versions[1]
    assert.equal("TLSv1.2", found.version)
    assert.same({"ECDHE-RSA-AES128-GCM-SHA256", "AES256-SHA"}, {found.suites[1].name, found.suites[2].name})
    assert.equal(2, #found.suites)
    assert.same({"X25519", "P-384"}, found.groups)
    server:stop()
    server = helpers.s_server {arguments = {"-www", "-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256", "-groups",
      "P-256"}}
    local output
    output, status = cli.run("versions", "localhost:" .. server.port)
    server:stop()
    assert.equal(0, status)
    assert.matches("^TLSv1.3   yes\n +TLS_AES_128_GCM_SHA256 %(128 bits%)\n +groups: P%-256\nTLSv1.2   no\n", output)
  end)

  it("tells what speaks no TLS, and what is not there", function()
    local output, status = cli.run("versions", "localhost:1")
    assert.equal(2, status)
    assert.matches("^unreachable: ", output)
    local http = helpers.spawn {"python3", "-u", "-c", [[
import http.server
s = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
print("port", s.server_port)
s.serve_forever()]]}
    output, status = cli.run("versions", "localhost:" .. http:expect "port (%d+)")
    http:stop()
    assert.equal(1, status, output)
  end)
end)

describe("luassl serve", function()
  if not cli.found then return pending(cli.missing) end
  local server, port, certificate, directory

  setup(function()
    directory, certificate = helpers.temp_name(), helpers.temp_name()
    assert(helpers.spawn({"mkdir", "-p", directory .. "/a b"}):wait() == 0)
    helpers.write_file(directory .. "/index.html", "<p>hello")
    helpers.write_file(directory .. "/a b/x.txt", "text")
    helpers.write_file(directory .. "/.hidden", "hidden")
    helpers.write_file(directory .. "/large", ("0123456789abcdef"):rep(65536))
    helpers.write_file(directory .. "-outside", "outside")
    server = cli.start("serve", directory, "--port", "0", "--write-cert", certificate)
    port = server:expect "at https://localhost:(%d+)/"
  end)
  teardown(function()
    server:stop()
    server, port, certificate, directory = nil, nil, nil, nil
  end)

  local function curl(path, ...)
    local process = helpers.spawn {"curl", "-sS", "-m", "20", "--path-as-is", "--cacert", certificate, "-w",
      "|%{http_code}", "https://localhost:" .. port .. path, ...}
    process:wait(25)
    return process:output():match "^(.*)|(%d+)$"
  end

  it("serves files, to clients that trust its certificate", function()
    assert.same({"<p>hello", "200"}, {curl "/"})
    assert.same({"text", "200"}, {curl "/a%20b/x.txt?query"})
    assert.equal("301", (select(2, curl "/a%20b")))
    assert.equal("404", (select(2, curl "/none")))
    assert.equal("405", (select(2, curl("/", "-d", "x"))))
    assert.equal(1048576, #curl "/large")
    local process = helpers.spawn {"curl", "-sS", "-m", "20", "https://localhost:" .. port .. "/"}
    assert.equal(60, process:wait(25), process:output())
  end)

  it("leads nowhere else", function()
    local name = directory:match "[^/]+$"
    for _, path in ipairs {"/../" .. name .. "-outside", "/a%20b/../../" .. name .. "-outside",
        "/%2e%2e/" .. name .. "-outside", "/..%2f" .. name .. "-outside", "/.%2e/" .. name .. "-outside", "/.hidden",
        "/a%20b/%2e%2e/.hidden", "/%00", "/a%5c..", "//../x", "/%"} do
      local text, status = curl(path)
      assert.equal("403", status, path)
      assert.is_nil(text:find "outside" or text:find "hidden")
    end
  end)

  it("listens on loopback, and takes no request that is no HTTP", function()
    local ssl = require "luassl"
    for request, answer in pairs {["nonsense\r\n\r\n"] = "400",
        ["GET / HTTP/1.1\r\n" .. ("x: y\r\n"):rep(4000)] = "431"} do
      local conn = assert(ssl.connect("127.0.0.1", port, {ca_certs = certificate, timeout = helpers.patience}))
      conn:settimeout(helpers.patience)
      conn:send(request)
      assert.equal("HTTP/1.1 " .. answer, conn:receive(12))
      conn:close()
    end
    assert.is_nil((server:output():find "Other machines"))
  end)
end)

describe("luassl ca", function()
  if not cli.found then return pending(cli.missing) end

  it("makes an authority for these names alone, and a server's certificate", function()
    local directory = helpers.temp_name()
    local output, status = cli.run("ca", "--out", directory, "www.example", "127.0.0.1")
    assert.equal(0, status, output)
    assert.matches("ca_certs = \"" .. directory:gsub("%p", "%%%0") .. "/ca.pem\"", output)
    local modes = helpers.spawn {"stat", "-c", "%a", directory .. "/ca.key", directory .. "/server.key"}
    modes:wait()
    assert.equal("600\n600\n", modes:output())
    for name, expected in pairs {["www.example"] = 0, ["127.0.0.1"] = 0, ["other.example"] = 1} do
      local result, code = cli.json("inspect", "--ca", directory .. "/ca.pem", "--name", name,
        directory .. "/server.pem")
      assert.equal(expected, code, result.verdict.text)
    end
    -- What the authority signs for another name nobody accepts.
    local key, other = helpers.temp_name(), helpers.temp_name()
    assert.equal(0, helpers.spawn({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
      "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:other.example",
      "-addext", "basicConstraints=critical,CA:FALSE", "-CA", directory .. "/ca.pem", "-CAkey", directory .. "/ca.key",
      "-keyout", key, "-out", other}):wait())
    local result, code = cli.json("inspect", "--ca", directory .. "/ca.pem", "--name", "other.example", other)
    assert.equal(1, code)
    assert.matches("permitted subtree violation", result.verdict.text)
    -- What is there stays.
    local before = helpers.read_file(directory .. "/ca.key")
    output, status = cli.run("ca", "--out", directory)
    assert.equal(1, status, output)
    assert.equal(before, helpers.read_file(directory .. "/ca.key"))
  end)

  it("takes no name that is none", function()
    for _, name in ipairs {"a,DNS:b", "$HOME", "a'b", "-x", "a b", "a\nb", ".x"} do
      local output, status = cli.run("ca", "--out", helpers.temp_name(), "--", name)
      assert.equal(64, status, output)
    end
  end)
end)
