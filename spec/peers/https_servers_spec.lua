-- luassl.https with servers as people run them: nginx, Node's https, Python's
-- http.server, each as it comes.
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local https = require "luassl.https"
local ltn12 = require "ltn12"
local nginx = require "spec.support.nginx"

helpers.audit()

local root = {ca_certs = helpers.file "root.crt"}
local LARGE = ("0123456789abcde\n"):rep(512 * 1024)  -- 8 MiB

-- Body and code, or nil and an error.
local function ask(url, request)
  request = request or {}
  local parts = {}
  request.url, request.tls, request.timeout = url, root, request.timeout or 30
  request.sink = function(piece)
    parts[#parts + 1] = piece
    return 1
  end
  local done, code, headers = https.request(request)
  return done and table.concat(parts), code, headers
end

describe("nginx", function()
  local peer, client

  setup(function()
    local site = http_peers.directory {large = LARGE, empty = "", ["page.html"] = "<!--# echo var=\"host\" -->!"}
    peer = nginx(([[
      server {
        listen 127.0.0.1:PORT ssl; ssl_certificate PKI/rsa.crt; ssl_certificate_key PKI/rsa.key;
        keepalive_requests 3; client_max_body_size 1m; large_client_header_buffers 4 32k; root %s;
        location /page.html { ssi on; }
        location /slow { limit_rate 400k; alias %s/large; }
        location /204 { return 204; }
        location /304 { return 304; }
        location /moved { return 301 https://$host:$server_port/204; }
        location /headers { %s return 200 "ok"; }
        location /tell { return 200 "$connection $connection_requests $ssl_session_reused $request_method"; }
        location /body { proxy_pass https://127.0.0.1:PORT/take; proxy_method GET; }
        location /take { return 200 "$content_length"; }
        location /refused { proxy_pass https://127.0.0.1:PORT/take; }
      }
    ]]):format(site, site, ("add_header X-Many 0123456789;"):rep(90)))
  end)

  teardown(function()
    peer:stop()
    peer = nil
  end)

  after_each(function()
    if client then client:close() end
    client = nil
  end)

  local function url(path)
    return ("https://localhost:%d/%s"):format(peer.port, path)
  end

  it("answers with lengths, chunks and nothing", function()
    assert.is_true(ask(url "large") == LARGE)
    assert.equal("", (ask(url "empty")))
    local page, _, headers = ask(url "page.html")
    assert.equal("localhost!", page)
    assert.equal("chunked", headers["transfer-encoding"])
    for _, code in ipairs {204, 304} do
      local body, got = ask(url(code))
      assert.same({"", code}, {body, got})
    end
  end)

  it("answers HEAD, redirects, and with many headers", function()
    local body, code, headers = ask(url "large", {method = "HEAD"})
    assert.same({"", 200, tostring(#LARGE)}, {body, code, headers["content-length"]})
    assert.equal(204, (select(2, ask(url "moved"))))
    local _, _, many = ask(url "headers")
    assert.equal(90 * #"0123456789" + 89 * 2, #many["x-many"])
  end)

  it("is slow, and cut off by the deadline", function()
    local body, err = ask(url "slow", {timeout = 1})
    assert.is_nil(body)
    assert.equal("timeout", err)
  end)

  it("takes bodies, in chunks too", function()
    assert.equal("300000", (ask(url "body", {method = "POST", body = ("x"):rep(300000)})))
    assert.equal("300000", (ask(url "body", {method = "POST", source = ltn12.source.string(("x"):rep(300000))})))
    assert.equal("5", (ask(url "body", {method = "POST", body = "hello", headers = {expect = "100-continue"}})))
  end)

  it("refuses a large body before it has come", function()
    local given = 0
    local _, code = ask(url "refused", {method = "PUT", headers = {["content-length"] = 1e9}, source = function()
      given = given + 1
      return ("x"):rep(16384)
    end})
    assert.equal(413, code)
    assert.is_true(given < 10000)
  end)

  it("keeps a client's connections for three requests each, and resumes", function()
    helpers.forget_contexts()
    client = https.client {tls = root, timeout = 20}
    local counts = {}
    for i = 1, 9 do
      local _, count, reused = assert(client:request(url "tell")):match "(%d+) (%d+) (%S+)"
      counts[i] = count .. reused
    end
    assert.same({"1.", "2.", "3.", "1r", "2r", "3r", "1r", "2r", "3r"}, counts)
  end)
end)

describe("Python's http.server", function()
  local peer

  setup(function()
    local site = http_peers.directory {large = LARGE, empty = ""}
    peer = helpers.spawn({"python3", "-c", [[
import http.server, ssl, sys
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1])
server.socket = context.wrap_socket(server.socket, server_side=True)
print("ready", server.server_address[1], flush=True)
server.serve_forever()
]], helpers.file "rsa.pem"}, {directory = site, timeout = 120})
    peer.port = tonumber(peer:expect "ready (%d+)\n")
  end)

  teardown(function()
    peer:stop()
    peer = nil
  end)

  it("answers in HTTP/1.0, with a length", function()
    local place = ("https://localhost:%d/"):format(peer.port)
    assert.is_true(ask(place .. "large") == LARGE)
    assert.equal("", (ask(place .. "empty")))
    assert.same({"", 200}, {(ask(place .. "large", {method = "HEAD"})), 200})
    assert.equal(404, (select(2, ask(place .. "none"))))
    assert.equal(501, (select(2, ask(place .. "large", {method = "POST", body = "x"}))))
    local client = https.client {tls = root, timeout = 20}
    for _ = 1, 2 do assert.equal(200, (select(2, client:request(place .. "empty")))) end
    client:close()
  end)
end)

local has_node = os.execute "command -v node >/dev/null 2>&1"

if has_node == true or has_node == 0 then
  describe("Node's https", function()
    local peer

    setup(function()
      peer = helpers.spawn({"node", "-e", [[
const fs = require("fs"), https = require("https");
const pem = fs.readFileSync(process.argv[1]);
const server = https.createServer({ key: pem, cert: pem }, (request, response) => {
  let length = 0;
  request.on("data", (bytes) => { length += bytes.length; });
  request.on("end", () => {
    for (let i = 0; i < 100; i += 1) response.write(request.url + length + "\n");
    response.end();
  });
});
server.on("checkContinue", (request, response) => {
  response.writeContinue();
  server.emit("request", request, response);
});
server.listen(0, "127.0.0.1", () => console.log("ready " + server.address().port));
]], helpers.file "rsa.pem"}, {timeout = 120})
      peer.port = tonumber(peer:expect("ready (%d+)\n", 30))
    end)

    teardown(function()
      peer:stop()
      peer = nil
    end)

    it("answers in chunks, and goes on", function()
      local place = ("https://localhost:%d/a"):format(peer.port)
      assert.equal(("/a0\n"):rep(100), (ask(place)))
      local request = {method = "PUT", body = "hello", headers = {expect = "100-continue"}}
      assert.equal(("/a5\n"):rep(100), (ask(place, request)))
      local client = https.client {tls = root, timeout = 20}
      for _ = 1, 3 do assert.equal(("/a0\n"):rep(100), (client:request(place))) end
      assert.equal("HTTPSClient (1 idle)", tostring(client))
      client:close()
    end)
  end)
end
