-- What luassl.https makes of answers, good, cut and wrong, from Python's, Node's
-- and OpenSSL's TLS: a body is whole and beyond doubt, or an error.
local answers = require "spec.support.http_answers"
local helpers = require "spec.support.helpers"
local http_peers = require "spec.support.http_peers"
local https = require "luassl.https"
local ssl = require "luassl"

helpers.audit()

-- The files' names, for URLs.
local files, names = {}, {}
for name, answer in pairs(answers) do
  names[name] = name:gsub("[^%w]", "-")
  files[names[name]] = answer[1]
end

-- A request whose body is collected: results as for a URL alone.
local function ask(peer, name, answer, finish)
  local parts = {}
  local request = {
    url = ("https://localhost:%d/%s%s"):format(peer.port, names[name],
      finish and "?end=" .. finish .. (answer.query or "") or ""),
    method = answer.method, tls = {ca_certs = helpers.file "root.crt"}, timeout = 30,
    sink = function(piece)
      parts[#parts + 1] = piece
      return 1
    end,
  }
  for option, value in pairs(answer.options or {}) do request[option] = value end
  local done, code, headers = https.request(request)
  return done, code, headers, table.concat(parts)
end

local function check(peer, name, finish)
  local answer = answers[name]
  local done, code, headers, body = ask(peer, name, answer, finish)
  if answer.body then
    assert.equal(1, done, tostring(code))
    assert.equal(answer.code or 200, code)
    assert.is_true(body == answer.body, "another body, of " .. #body .. " bytes")
    for header, value in pairs(answer.headers or {}) do assert.equal(value or nil, headers[header]) end
    return
  end
  assert.is_nil(done)
  if answer.condition then return assert.equal(answer.condition, code) end
  assert.equal(answer.kind, code.kind, tostring(code))
  assert.is_true(code:is(answer.kind == "incomplete" and ssl.SSLEOFError or ssl.SSLError))
  if answer.text then assert.truthy(code:find(answer.text, 1, true), tostring(code)) end
  assert.is_true(#code.text < 600 and not code:find "[^\32-\126]", code.text)
  local partial = answer.partial or ""
  if finish == "reset" then partial = partial:sub(1, #body) end  -- a reset may overtake what came before it
  assert.equal(partial, body)
end

-- What each peer can do at the end of an answer.
local PEERS = {
  Python = {http_peers.python, {notify = true, cut = true, reset = true, hold = true}},
  Node = {http_peers.node, {notify = true, cut = true, hold = true}},
  OpenSSL = {http_peers.s_server, {notify = true}},
}

local has_node = os.execute "command -v node >/dev/null 2>&1"

for peer_name, about in pairs(PEERS) do
  if peer_name ~= "Node" or has_node == true or has_node == 0 then
    describe("answers of " .. peer_name .. "'s TLS:", function()
      local peer

      setup(function() peer = about[1](http_peers.directory(files)) end)
      teardown(function()
        peer:stop()
        peer = nil
      end)

      for name, answer in pairs(answers) do
        local finish = answer.finish or "notify"
        if about[2][finish] and not (peer_name == "OpenSSL" and (answer.query or answer.method)) then
          it(name, function() check(peer, name, peer_name ~= "OpenSSL" and finish or nil) end)
        end
      end
    end)
  end
end
