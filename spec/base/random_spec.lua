-- The random functions, and entropy gathering daemons good and bad.
local helpers = require "spec.support.helpers"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

-- An entropy gathering daemon for one client; its mode says how it answers.
-- Prints each request, "1 255", and how many bytes it gave in all.
local DAEMON = [=[
import os, socket, struct, sys, time
path, mode = sys.argv[1:3]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen(0)
callers = []
if mode == "busy":  # a full backlog, for a while
    try:
        while True:
            caller = socket.socket(socket.AF_UNIX)
            caller.setblocking(False)
            caller.connect(path)
            callers.append(caller)
    except BlockingIOError:
        pass
if mode == "curious":  # whether its client's sockets are inherited
    print("ready", flush=True)
    peer, _ = listener.accept()
    pid = struct.unpack("3i", peer.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    for fd in os.listdir("/proc/%d/fd" % pid):
        if os.readlink("/proc/%d/fd/%s" % (pid, fd)).startswith("socket:"):
            for line in open("/proc/%d/fdinfo/%s" % (pid, fd)):
                if line.startswith("flags:"):
                    inherited = not int(line.split()[1], 8) & os.O_CLOEXEC
                    print("inherited" if inherited else "private", flush=True)
    sys.exit()
print("ready", flush=True)
if mode == "busy":
    time.sleep(0.3)
    for caller in callers:
        listener.accept()[0].close()
peer, _ = listener.accept()
if mode == "rude":
    peer.close()
    sys.exit()
given = 0
def give(data, pause=0):
    global given
    for i in range(len(data)):
        peer.sendall(data[i:i + 1]) if pause else None
        time.sleep(pause)
    if not pause:
        peer.sendall(data)
    given += len(data)
try:
    while True:
        request = peer.recv(2)
        if len(request) < 2:
            break
        command, count = request
        print(command, count, flush=True)
        if command == 1:
            offered = {"empty": 0, "partial": count // 3, "greedy": count + 1,
                       "quitting": count // 3, "slow": 0,
                       "trickling": 0}.get(mode, count)
            peer.sendall(bytes([min(offered, 255)]))
            give(bytes(min(offered, 255)))
        elif mode == "quitting":
            give(b"x" * 20)
            peer.close()
            break
        elif mode == "trickling":  # for 3.5 seconds, then not even that
            give(b"x" * 50, 0.07)
        else:
            give(b"x" * count, 0.001 if mode == "slow" else 0)
except OSError:
    pass
print("given", given, flush=True)
]=]

-- A daemon in that mode, ready; the path of its socket.
local function daemon(mode)
  local path = helpers.temp_name()
  local peer = helpers.spawn {"python3", helpers.temp_file(DAEMON), path, mode}
  peer:expect "(ready)"
  return peer, path
end

-- What the daemon was asked, "1 255, 1 1".
local function requests(peer)
  peer:wait()
  local list = {}
  for request in peer:output():gmatch "(%d+ %d+)\n" do list[#list + 1] = request end
  return table.concat(list, ", ")
end

local function fails(pattern, ok, err)
  assert.is_nil(ok)
  assert.is_true(err:is(ssl.SSLError))
  assert.equal("RAND_egd", err.operation)
  assert.matches(pattern, tostring(err))
  return err
end

describe("RAND_status", function()
  it("says true once OpenSSL has its seed", function()
    assert.is_true(ssl.RAND_status())
  end)
end)

describe("RAND_add", function()
  it("takes bytes and how much entropy is in them", function()
    for _, entropy in ipairs {0, 0.5, 3, 1e300, math.huge} do
      assert.equal(0, select("#", ssl.RAND_add("a\0b", entropy)))
    end
    ssl.RAND_add("", 1)
    assert.is_true(ssl.RAND_status())
  end)

  it("refuses what is no string or no amount", function()
    for _, entropy in ipairs {-1, -math.huge, 0 / 0} do
      assert.has_error(function() ssl.RAND_add("a", entropy) end)
    end
    assert.has_error(function() ssl.RAND_add("a", "much") end)
    assert.has_error(function() ssl.RAND_add("a") end)
    assert.has_error(function() ssl.RAND_add({}, 1) end)
    assert.has_error(function() ssl.RAND_add() end)
  end)
end)

describe("RAND_bytes", function()
  it("gives as many bytes as asked, other ones each time", function()
    assert.equal("", ssl.RAND_bytes(0))
    for _, n in ipairs {1, 32, 65537, 2 ^ 24} do
      assert.equal(n, #ssl.RAND_bytes(n))
    end
    assert.are_not.equal(ssl.RAND_bytes(16), ssl.RAND_bytes(16))
  end)

  it("refuses other amounts", function()
    for _, n in ipairs {-1, 1.5, 2 ^ 24 + 1, 2 ^ 60, math.huge, 0 / 0} do
      assert.has_error(function() ssl.RAND_bytes(n) end)
    end
    assert.has_error(function() ssl.RAND_bytes() end)
    assert.has_error(function() ssl.RAND_bytes {} end)
  end)
end)

describe("RAND_egd", function()
  it("takes 256 bytes as 255 and 1, for a count is one byte", function()
    local peer, path = daemon "generous"
    assert.equal(256, ssl.RAND_egd(path))
    assert.equal("1 255, 1 1", requests(peer))
    assert.matches("given 256", peer:output())
  end)

  it("waits for what the daemon does not have at once", function()
    local peer, path = daemon "partial"
    assert.equal(256, ssl.RAND_egd(path))
    assert.equal("1 255, 1 1, 2 171", requests(peer))
    peer, path = daemon "empty"
    assert.equal(256, ssl.RAND_egd(path))
    assert.equal("1 255, 1 1, 2 255, 2 1", requests(peer))
  end)

  it("takes bytes that come one by one", function()
    local peer, path = daemon "slow"
    assert.equal(256, ssl.RAND_egd(path))
    assert.matches("given 256", requests(peer) and peer:output())
  end)

  it("waits until the daemon has time", function()
    local peer, path = daemon "busy"
    assert.equal(256, ssl.RAND_egd(path))
    assert.equal("1 255, 1 1", requests(peer))
  end)

  it("has one deadline, however the daemon trickles", function()
    local _, path = daemon "trickling"
    local start = socket.gettime()
    local err = fails("no more within 5 seconds: 50 of 256 bytes came", ssl.RAND_egd(path))
    local took = socket.gettime() - start
    assert.is_true(took > 4.9 and took < 7.5, took)
    assert.equal("random", err.kind)
    assert.equal(path, err.file)
  end)

  it("says when the daemon hangs up", function()
    local _, path = daemon "rude"
    local err = fails("the daemon hung up: 0 of 256 bytes came", ssl.RAND_egd(path))
    assert.equal("random", err.kind)
    _, path = daemon "quitting"
    fails("the daemon hung up: 105 of 256 bytes came", ssl.RAND_egd(path))
  end)

  it("refuses more than it asked for", function()
    local _, path = daemon "greedy"
    fails("more than it was asked for: 255 of 256 bytes came", ssl.RAND_egd(path))
  end)

  it("uses a socket that no other program inherits", function()
    local peer, path = daemon "curious"
    local client = helpers.lua([[
      local _, err = require "luassl".RAND_egd(...)
      assert(err:find "hung up")]], path)
    assert.equal(0, client:wait(), client:output())
    assert.equal(0, peer:wait())
    assert.equal("ready\nprivate\n", peer:output())
  end)

  it("returns what the system says of the socket", function()
    local missing = helpers.temp_name()
    local err = fails(missing .. ": No such file", ssl.RAND_egd(missing))
    assert.is_true(err:is(ssl.SSLSyscallError))
    assert.equal("syscall", err.kind)
    assert.equal(missing, err.file)
    assert.is_number(err.code)
    err = fails("refused", ssl.RAND_egd(helpers.temp_file "no socket"))
    assert.is_true(err:is(ssl.SSLSyscallError))
    err = fails("too long", ssl.RAND_egd(("x"):rep(200)))
    assert.is_true(err:is(ssl.SSLSyscallError))
  end)

  it("returns an error for an empty path and one with a NUL", function()
    assert.equal("file", fails("the path is empty", ssl.RAND_egd "").kind)
    fails("holds a NUL byte", ssl.RAND_egd(helpers.temp_name() .. "\0"))
  end)

  it("raises when the path is no string", function()
    assert.has_error(function() ssl.RAND_egd() end)
    assert.has_error(function() ssl.RAND_egd {} end)
  end)
end)
