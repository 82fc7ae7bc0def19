-- conn:lines: a loop over what comes, which ends where io.lines over the same
-- bytes ends, and at nothing else.
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

describe("conn:lines", function()
  local client, server, near, far

  local function pair(options)
    near, far = helpers.sockets()
    client = assert(ssl.wrap_socket(near, {do_handshake_on_connect = false,
      suppress_ragged_eofs = options == "ragged"}))
    server = assert(ssl.wrap_socket(far, {server_side = true, certfile = helpers.file "ecdsa.pem",
      do_handshake_on_connect = false}))
    client:settimeout(0)
    server:settimeout(0)
    local one, other
    repeat one, other = client:do_handshake(), server:do_handshake() until one and other
    client:settimeout(helpers.patience)
    server:settimeout(helpers.patience)
  end

  after_each(function()
    client:close()
    server:close()
    client, server = nil, nil
  end)

  -- What io.lines makes of the same bytes.
  local function expected(text, ...)
    local file = assert(io.tmpfile())
    file:write(text)
    file:seek "set"
    local found = {}
    for part in file:lines(...) do found[#found + 1] = part end
    file:close()
    return found
  end

  local function collect(...)
    local found = {}
    for part in client:lines(...) do found[#found + 1] = part end
    return found
  end

  for _, text in ipairs {"", "one\n", "one\ntwo\n", "one\n\ntwo", "\n", "x", ("y"):rep(40000) .. "\nz"} do
    it(("reads as io.lines: %q"):format(text:sub(1, 12)), function()
      pair()
      assert(server:send(text))
      assert(server:shutdown "send")
      assert.same(expected(text), collect())
    end)
  end

  it("takes receive's patterns", function()
    pair()
    assert(server:send "abcdefg")
    server:shutdown "send"
    assert.same({"abc", "def", "g"}, collect(3))
    assert.same({}, collect(3))
    client:close()
    server:close()
    pair()
    assert(server:send "a\nb")
    server:shutdown "send"
    assert.same({"a\nb"}, collect "*a")
    assert.same({}, collect "a")
  end)

  it("runs the handshake first", function()
    local peer = helpers.python_server "truncate"
    client = assert(ssl.connect("localhost", peer.port, {do_handshake_on_connect = false}))
    server = client
    assert.equal("hello", (client:lines())())
    peer:stop()
  end)

  it("raises a cut off connection, unless such ends are hidden", function()
    pair()
    server:send "whole\npart"
    helpers.raw(server, function(sock) sock:close() end)
    local found = {}
    local done, err = pcall(function()
      for line in client:lines() do found[#found + 1] = line end
    end)
    assert.is_false(done)
    assert.is_true(err:is(ssl.SSLEOFError))
    assert.same({"whole"}, found)
    client:close()
    server:close()
    pair "ragged"
    server:send "whole\npart"
    helpers.raw(server, function(sock) sock:close() end)
    assert.same({"whole", "part"}, collect())
  end)

  it("raises a timeout, and goes on with what had come", function()
    pair()
    client:settimeout(0)
    server:send "whole\npart"
    local next_line = client:lines()
    assert.truthy(ssl.poll({client}, nil, helpers.patience)[client])
    assert.equal("whole", next_line())
    for _ = 1, 3 do assert.same({false, "timeout"}, {pcall(next_line)}) end
    client:settimeout(helpers.patience)
    server:send "ing\nlast\n"
    assert.equal("parting", next_line())
    assert.equal("last", next_line())
    server:shutdown "send"
    assert.is_nil(next_line())
  end)

  it("reads what openssl sends", function()
    local peer = helpers.python_server "truncate"
    client = assert(ssl.connect("localhost", peer.port))
    server = client
    local found = {}
    local done, err = pcall(function()
      for line in client:lines() do found[#found + 1] = line end
    end)
    assert.same({"hello"}, found)
    assert.is_false(done)
    assert.is_true(err:is(ssl.SSLEOFError))
    peer:stop()
  end)

  it("works in a coroutine, and another reads meanwhile", function()
    pair()
    client:settimeout(0)
    local found = {}
    local loop = coroutine.create(function()
      local next_line = client:lines()
      while true do
        local fine, line = pcall(next_line)
        if fine and line == nil then return end
        if fine then found[#found + 1] = line else coroutine.yield(line) end
      end
    end)
    for _, text in ipairs {"o", "ne\ntw", "o\nthree"} do
      server:send(text)
      ssl.poll({client}, nil, helpers.patience)
      assert(coroutine.resume(loop))
    end
    server:shutdown "send"
    ssl.poll({client}, nil, helpers.patience)
    while coroutine.status(loop) ~= "dead" do assert(coroutine.resume(loop)) end
    assert.same({"one", "two", "three"}, found)
  end)
end)

