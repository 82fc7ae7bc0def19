-- conn:send_file: each byte of the file once, in full records, and at a timeout
-- the place to go on from.
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

-- Bytes without a period that a shift could hide in.
local function content(size)
  local parts, state = {}, 1
  for i = 1, math.ceil(size / 4) do
    state = (state * 69069 + 1) % 4294967296
    parts[i] = ("%04x"):format(math.floor(state / 65536))
  end
  return table.concat(parts):sub(1, size)
end

local SIZE = 300001
local TEXT = content(SIZE)

describe("conn:send_file", function()
  local client, server, path

  setup(function() path = helpers.temp_file(TEXT) end)

  teardown(function() os.remove(path) end)

  before_each(function()
    local near, far = helpers.sockets()
    client = assert(ssl.wrap_socket(near, {do_handshake_on_connect = false}))
    server = assert(ssl.wrap_socket(far, {server_side = true, certfile = helpers.file "ecdsa.pem",
      num_tickets = 0, do_handshake_on_connect = false}))
    client:settimeout(0)
    server:settimeout(0)
    local one, other
    repeat one, other = client:do_handshake(), server:do_handshake() until one and other
  end)

  after_each(function()
    client:close()
    server:close()
    client, server = nil, nil
  end)

  -- Reads what is there.
  local function drain(parts)
    repeat
      local data, _, partial = client:receive(65536)
      data = data or partial
      parts[#parts + 1] = data
    until data == ""
  end

  -- Sends with going on at timeouts; what came, and how often it went on.
  local function transfer(file, offset, length)
    local parts, times, first = {}, 0, offset or 0
    local position, left = first, length
    while true do
      local sent, err, partial = server:send_file(file, position, left)
      position = position + (sent or partial)
      if left then left = left - (sent or partial) end
      if sent then break end
      assert.equal("timeout", err)
      times = times + 1
      drain(parts)
    end
    assert(server:shutdown "send")
    client:settimeout(helpers.patience)
    local rest = client:receive "*a"
    parts[#parts + 1] = rest
    local got = table.concat(parts)
    assert.equal(#got, position - first)
    return got, times
  end

  -- Enough of it that no socket buffer takes it whole.
  local function large(use)
    local parts = {}
    for i = 1, 48 do parts[i] = i .. TEXT end
    local text = table.concat(parts)
    local name = helpers.temp_file(text)
    use(name, text)
    os.remove(name)
  end

  it("sends a path, an open file, and parts of them", function()
    client:settimeout(helpers.patience)
    server:settimeout(helpers.patience)
    local file = assert(io.open(path, "rb"))
    for _, case in ipairs {{0, SIZE}, {0, 0}, {5, 10}, {SIZE, 5}, {SIZE + 7, 5}, {16384, 16384}, {299999, 100},
      {1, 40000}} do
      for _, source in ipairs {path, file} do
        local wanted = TEXT:sub(case[1] + 1, case[1] + case[2])
        file:seek("set", 17)
        local co = coroutine.wrap(function() return server:send_file(source, case[1], case[2]) end)
        server:settimeout(helpers.patience)
        if #wanted > 100000 then server:settimeout(0) end
        local sent, err, partial = co()
        local got = {}
        while not sent do
          assert.equal("timeout", err)
          client:settimeout(0)
          drain(got)
          client:settimeout(helpers.patience)
          local more
          more, err, partial = server:send_file(source, case[1] + #table.concat(got), case[2] - #table.concat(got))
          if more then sent = more + #table.concat(got) end
        end
        assert(partial == nil or type(partial) == "number")
        assert.equal(#wanted, sent)
        got = table.concat(got)
        if #got < #wanted then got = got .. assert(client:receive(#wanted - #got)) end
        assert.is_true(got == wanted)
        if source == file then assert.equal(case[1] + #wanted, file:seek()) end
      end
    end
    file:close()
  end)

  it("sends full records, and never holds the file", function()
    local asked, sizes = {}, {}
    local position = 0
    local file = {read = function(_, n)
      asked[#asked + 1] = n
      local part = TEXT:sub(position + 1, position + math.min(n, 1000))
      position = position + #part
      if part ~= "" then return part end
    end}
    local records = {}
    helpers.raw(client, function(raw)
      raw:settimeout(0)
      local bytes = {}
      local function pull()
        local data, _, partial = raw:receive(1000000)
        bytes[#bytes + 1] = data or partial
      end
      local offset = 0
      repeat
        local sent, _, partial = server:send_file(file, offset)
        offset = offset + (sent or partial)
        pull()
      until sent
      server:shutdown "send"
      raw:settimeout(helpers.patience)
      local flat
      repeat
        pull()
        flat = table.concat(bytes)
        local at = 1
        records = {}
        while at + 4 <= #flat do
          records[#records + 1] = flat:byte(at + 3) * 256 + flat:byte(at + 4)
          at = at + 5 + records[#records]
        end
      until #records > 0 and records[#records] < 100
    end)
    for i, size in ipairs(records) do
      -- the last one is the alert, the one before the rest
      if i < #records - 1 then sizes[size] = true end
    end
    local only = next(sizes)
    assert.is_true(only > 16384 and only < 16500, tostring(only))
    assert.is_nil(next(sizes, only))
    for _, n in ipairs(asked) do assert.is_true(n <= 114688) end
  end)

  it("goes on after timeouts: an open file", function()
    large(function(name, text)
      local file = assert(io.open(name, "rb"))
      local got, times = transfer(file)
      assert.is_true(got == text)
      assert.is_true(times > 0)
      assert.equal(#text, file:seek())
      file:close()
    end)
  end)

  it("goes on after timeouts with a path", function()
    large(function(name, text)
      local got, times = transfer(name, 100, #text - 200)
      assert.is_true(got == text:sub(101, -101))
      assert.is_true(times > 0)
    end)
  end)

  it("goes on after timeouts with what cannot go back", function()
    large(function(name, text)
      local pipe = assert(io.popen("cat " .. name .. " 2>&1"))
      local got, times = transfer(pipe, 3)
      assert.is_true(got == text:sub(4))
      assert.is_true(times > 0)
      pipe:close()
    end)
  end)

  it("refuses to go back in what cannot", function()
    large(function(name)
      local pipe = assert(io.popen("cat " .. name .. " 2>&1"))
      local sent, err, partial = server:send_file(pipe)
      assert.same({nil, "timeout"}, {sent, err})
      assert.is_true(partial > 0)
      assert.error_matches(function() server:send_file(pipe) end, "cannot go back: " .. partial .. " is next")
      pipe:close()
    end)
  end)

  it("answers a timeout in time", function()
    large(function(name)
      server:settimeout(0.2)
      local file = assert(io.open(name, "rb"))
      local sent, err, partial = server:send_file(file)
      assert.same({nil, "timeout"}, {sent, err})
      assert.is_true(partial > 0)
      assert.equal(partial, file:seek())
      file:close()
    end)
  end)

  it("has one deadline for all of it", function()
    local parts = 0
    local file = {read = function()
      parts = parts + 1
      ssl.poll({}, {}, 0.06)
      if parts <= 12 then return ("x"):rep(16384) end
    end}
    server:settimeout(0.2)
    local sent, err, partial = server:send_file(file)
    assert.same({nil, "timeout"}, {sent, err})
    assert.is_true(partial > 0 and parts < 10)
  end)

  it("tells what is wrong with the file, and sends what came before", function()
    local sent, err, partial = server:send_file "/nonexistent/file"
    assert.same({nil, 0}, {sent, partial})
    assert.same({"file", "send_file", 2, "/nonexistent/file"}, {err.kind, err.operation, err.code, err.file})
    assert.equal("send_file: cannot read /nonexistent/file: No such file or directory", tostring(err))
    sent, err = server:send_file "/"
    assert.is_nil(sent)
    assert.equal("file", err.kind)
    local parts = {"abc", "def"}
    local file = {read = function()
      local part = table.remove(parts, 1)
      if part then return part end
      return nil, "the disk burns", 5
    end}
    sent, err, partial = server:send_file(file)
    assert.same({nil, "file", 5, 6}, {sent, err.kind, err.code, partial})
    assert.matches("the disk burns", tostring(err))
    client:settimeout(helpers.patience)
    assert.equal("abcdef", client:receive(6))
    file = {read = function() error("mine", 0) end}
    assert.error(function() server:send_file(file) end, "mine")
    file = {read = function() return 7 end}
    assert.error_matches(function() server:send_file(file) end, "answered a number")
  end)

  it("shows no key in an error", function()
    local _, err = server:send_file "-----BEGIN PRIVATE KEY-----\nMIIE"
    assert.is_nil(tostring(err):find "MIIE")
    assert.is_nil(err.file)
  end)

  it("lets what reads the file yield, and others use the connection", function()
    local parts = {"abc", "def"}
    local file = {read = function()
      coroutine.yield()
      return table.remove(parts, 1)
    end}
    local co = coroutine.wrap(function() return server:send_file(file) end)
    co()
    assert(server:send "before ")
    co()
    co()
    assert.equal(6, co())
    client:settimeout(helpers.patience)
    assert.equal("before abcdef", client:receive(13))
  end)

  it("reads from a connection", function()
    client:settimeout(helpers.patience)
    server:settimeout(helpers.patience)
    assert(client:send "echo me")
    client:shutdown "send"
    assert.equal(7, server:send_file(server))
    assert.equal("echo me", client:receive(7))
  end)

  it("answers closed, and an end of the connection", function()
    server:close()
    assert.same({nil, "closed", 0}, {server:send_file(path)})
  end)

  it("runs the handshake, a hook in it, and is read by openssl", function()
    local listener = assert(ssl.wrap_socket(require "socket".bind("127.0.0.1", 0), {server_side = true,
      certfile = helpers.file "rsa.pem", do_handshake_on_connect = false,
      on_client_hello = function() coroutine.yield "hook" end}))
    local _, port = listener:getsockname()
    local peer = helpers.s_client(port, {arguments = {"-quiet"}})
    listener:settimeout(helpers.patience)
    local conn = assert(listener:accept())
    conn:settimeout(helpers.patience)
    local co = coroutine.wrap(function() return conn:send_file(path, 0, 5) end)
    assert.equal("hook", co())
    assert.equal(5, co())
    assert(conn:send "\n")
    peer:expect(TEXT:sub(1, 5))
    peer:stop()
    conn:close()
    listener:close()
  end)
end)
