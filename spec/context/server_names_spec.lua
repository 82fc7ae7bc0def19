-- Option server_names: contexts by the name that the client asks for.
local helpers = require "spec.support.helpers"
local resuming = require "spec.support.resuming_handshakes"
local socket = require "socket"
local ssl = require "luassl"

helpers.audit()

local file = helpers.file
local server = resuming.server
local part = resuming.part

-- Contexts that can be told apart by their certificates.
local LEAVES = {"rsa", "ecdsa", "ed25519", "other"}

local function contexts()
  local list = {}
  for _, name in ipairs(LEAVES) do
    list[name] = server {certfile = file(name .. ".pem")}
  end
  return list
end

local function leaf_of(connection)
  local der = connection:peer_certificate():der()
  for _, name in ipairs {"rsa", "ecdsa", "ed25519", "other", "wildcard"} do
    local pem = helpers.read_file(file(name .. ".crt"))
    if ssl.PEM_cert_to_DER_cert(pem) == der then return name end
  end
end

describe("server_names", function()
  local named, near_context, first

  before_each(function()
    named = contexts()
    near_context = assert(ssl.SSLContext())
  end)

  after_each(function() named, near_context, first = nil, nil, nil end)

  -- The first context has the leaf "wildcard".
  local function listen(names)
    first = server {certfile = file "wildcard.pem", server_names = names}
  end

  -- Which leaf a client gets that asks for `name`, nil: for none.
  local function ask(name)
    local near = assert(near_context:wrap_object {server_hostname = name})
    local far = assert(first:wrap_object())
    local done, near_error, far_error = helpers.handshake(near, far)
    local leaf = done and leaf_of(near)
    part(near, far)
    if not done then return nil, near_error, far_error end
    return leaf
  end

  it("choose by the whole name", function()
    listen {["one.example"] = named.rsa, ["two.example"] = named.ecdsa}
    assert.equal("rsa", ask "one.example")
    assert.equal("ecdsa", ask "two.example")
    for _, name in ipairs {"three.example", "example", "a.one.example",
      "one.example.org", "xone.example", "one.exampl"} do
      assert.equal("wildcard", ask(name))
    end
  end)

  it("have wildcards, which stand for one left-most label", function()
    listen {["*.example"] = named.rsa, ["*.b.example"] = named.ecdsa}
    assert.equal("rsa", ask "a.example")
    assert.equal("rsa", ask "b.example")
    assert.equal("ecdsa", ask "a.b.example")
    for _, name in ipairs {"a.c.example", "a.b.c.example", "example",
      "a.example.org", "cat.example.org", "a.b.b.example", "one"} do
      assert.equal("wildcard", ask(name))
    end
  end)

  it("prefer the whole name to a wildcard", function()
    listen {["*.example"] = named.rsa, ["a.example"] = named.ecdsa}
    assert.equal("ecdsa", ask "a.example")
    assert.equal("rsa", ask "b.example")
  end)

  it("are in lower case, whatever the client writes", function()
    listen {["one.example"] = named.rsa, ["*.wild.example"] = named.ecdsa}
    assert.equal("rsa", ask "ONE.Example")
    assert.equal("ecdsa", ask "X.WILD.EXAMPLE")
  end)

  it("are refused where no client can ask for them, with advice", function()
    local unasked = "option 'server_names' holds %s, which no client can ask for: %s"
    local wildcard = '"*" stands for one whole label, the first: "*.example.com"'
    for key, told in pairs {
      ["TWO.example"] = {'"TWO.example"', "write it in lower case, whatever clients write"},
      ["*"] = {'"*"', "this context itself is for all other names"},
      ["*.*.example"] = {'"*.*.example"', wildcard}, ["c*.example"] = {'"c*.example"', wildcard},
      ["a.*"] = {'"a.*"', wildcard}, ["one.example."] = {'"one.example."', "write it without the dot at its end"},
      ["*."] = {'"*."', "write it without the dot at its end"},
      [".example"] = {'".example"', 'write "*.example.com" for subdomains'},
      ["a..b"] = {'"a..b"', "the host name has an empty label"},
      ["a b"] = {"a name", "the host name holds a blank or a control character"},
      ["m\195\188"] = {'"m\195\188"', "the host name is not ASCII: give its A-labels (xn--...)"},
    } do
      local names = {["one.example"] = named.rsa, [key] = named.ecdsa}
      assert.has_error(function() listen(names) end, unasked:format(told[1], told[2]))
      local context = server {certfile = file "rsa.pem"}
      assert.has_error(function() context:set {server_names = names} end, unasked:format(told[1], told[2]))
    end
    assert.has_error(function() listen {named.rsa} end,
      "option 'server_names' must have names for keys, not a number")
    listen {["my_host.example"] = named.rsa, ["xn--mller-kva.example"] = named.ecdsa, ["*.my_host"] = named.rsa,
      ["127.0.0.1"] = named.rsa}
  end)

  it("have a place for clients that ask for no name", function()
    listen {[""] = named.rsa, ["one.example"] = named.ecdsa}
    assert.equal("rsa", ask(nil))
    assert.equal("rsa", ask "127.0.0.1")  -- an address is no server name
    assert.equal("rsa", ask "::1")
    assert.equal("ecdsa", ask "one.example")
    assert.equal("wildcard", ask "two.example")
    listen {["one.example"] = named.ecdsa}
    assert.equal("wildcard", ask(nil))
  end)

  it("are read at each ClientHello", function()
    local names = {}
    listen(names)
    assert.equal("wildcard", ask "one.example")
    names["one.example"] = named.rsa
    assert.equal("rsa", ask "one.example")
    names["one.example"] = named.ecdsa
    assert.equal("ecdsa", ask "one.example")
    names["one.example"] = nil
    assert.equal("wildcard", ask "one.example")
    names["*.example"] = named.other
    assert.equal("other", ask "one.example")
    assert.is_true(rawequal(names, first:get "server_names"))
  end)

  it("may change while a connection lives by them", function()
    local names = {["one.example"] = server {certfile = file "rsa.pem"}}
    listen(names)
    local near = assert(near_context:wrap_object {
      server_hostname = "one.example"})
    local far = assert(first:wrap_object())
    assert(helpers.handshake(near, far))
    names["one.example"] = nil
    first = nil
    collectgarbage()
    collectgarbage()
    assert(far:write "hello")
    helpers.pump(near, far)
    assert.equal("hello", near:read(5))
    assert.equal("one.example", far:server_hostname())
    assert.is_false(far:session_reused())
    part(near, far)
  end)

  it("run no code: what a metatable says does not count", function()
    local asked = 0
    listen(setmetatable({}, {__index = function()
      asked = asked + 1
      return named.rsa
    end}))
    assert.equal("wildcard", ask "one.example")
    assert.equal(0, asked)
  end)

  it("may lead in a circle: the chosen one's are not asked", function()
    local names = {}
    local own = server {certfile = file "rsa.pem", server_names = names}
    names["one.example"] = own
    listen(names)
    assert.equal("rsa", ask "one.example")
    first = own
    assert.equal("rsa", ask "one.example")
  end)

  it("refuse a connection to a name that stands for something else",
    function()
      local closed = assert(near_context:wrap_object())
      closed:close()
      local sock = socket.tcp()
      sock:close()
      local values = {"rsa.pem", 1, true, false, {}, function() end, closed,
        sock, coroutine.create(function() end),
        assert(ssl.SSLContext())}
      for i, value in ipairs(values) do
        listen {["one.example"] = value, ["two.example"] = named.rsa}
        local leaf, near_error, err = ask "one.example"
        assert.is_nil(leaf, "number " .. i)
        assert.equal("internal_error", near_error.alert)
        assert.is_true(err:is(ssl.SSLError))
        assert.equal("context", err.kind)
        assert.equal("server_names", err.operation)
        assert.matches(i < #values and type(value) or "client", tostring(err),
          1, true)
        assert.equal("rsa", ask "two.example")
      end
    end)

  it("must be a table, on a server", function()
    assert.has_error(function() server {server_names = "one.example"} end,
      "option 'server_names' must be a table, not a string")
    assert.has_error(function() ssl.SSLContext {server_names = {}} end,
      "option 'server_names' is for servers: set server_side")
  end)

  it("decide where on_client_hello does not", function()
    local answer
    local names = {["one.example"] = named.rsa}
    first = server {certfile = file "wildcard.pem", server_names = names,
      on_client_hello = function() return answer end}
    assert.equal("rsa", ask "one.example")
    answer = true
    assert.equal("rsa", ask "one.example")
    answer = named.ecdsa
    assert.equal("ecdsa", ask "one.example")
    answer = {}
    assert.equal("rsa", ask "one.example")
    answer = {context = named.ecdsa}
    assert.equal("ecdsa", ask "one.example")
  end)

  it("may be changed by on_client_hello, which may look the name up",
    function()
      local names = {}
      first = server {certfile = file "wildcard.pem", server_names = names,
        on_client_hello = function(_, facts)
          names[facts.server_name] = named.rsa
        end}
      assert.equal("rsa", ask "one.example")
    end)

  it("leave what on_client_hello decided besides", function()
    first = server {server_names = {["one.example"] = server {
      certfile = file "rsa.pem", alpn_protocols = {"h1", "h2"}}},
      on_client_hello = function() return {alpn_protocol = "h2"} end}
    near_context = assert(ssl.SSLContext {alpn_protocols = {"h1", "h2"}})
    local near = assert(near_context:wrap_object {
      server_hostname = "one.example"})
    local far = assert(first:wrap_object())
    assert(helpers.handshake(near, far))
    assert.equal("h2", near:selected_alpn_protocol())
    part(near, far)
  end)

  it("need no certificate where they have to choose", function()
    first = assert(ssl.SSLContext {server_side = true,
      server_names = {["one.example"] = named.rsa}})
    assert.equal("rsa", ask "one.example")
    local _, near_error = ask "two.example"
    assert.equal("handshake_failure", near_error.alert)
  end)
end)

-- Bytes that are in no name: OpenSSL refuses some of them later.
describe("server_names, for bytes that are in no name,", function()
  it("take the place of no name", function()
    for _, byte in ipairs {"\0", "\1", " ", "*", "\127", "\128", "\255"} do
      local asked = {}
      local function context(name)
        return server {on_certificate = function()
          asked[#asked + 1] = name
        end}
      end
      local first = server {server_names = {[""] = context "nobody's",
        localhost = context "localhost", ["local"] = context "local"}}
      local names = first:get "server_names"  -- its keys are not looked at any more
      names["local" .. byte .. "ost"], names["local*ost"] = context "junk", context "junk"
      local near = assert(ssl.SSLContext():wrap_object {
        server_hostname = "localhost"})
      local far = assert(first:wrap_object())
      near:do_handshake()
      local bytes = near:drain():gsub("localhost", "local" .. byte .. "ost")
      far:feed(bytes)
      local done, err = far:do_handshake()
      assert.is_nil(done)
      if err == "wantread" then assert.same({"nobody's"}, asked)
      else
        assert.same({}, asked)
        assert.equal("unrecognized_name", err.alert)
      end
      part(near, far)
    end
  end)
end)

-- Names that our client would not send, from openssl's.
describe("server_names, of another client,", function()
  local listener, port

  after_each(function()
    listener:close()
    listener = nil
  end)

  -- The certificate's subject that a client gets with -servername `name`.
  local function ask(name)
    local peer = helpers.spawn({"openssl", "s_client", "-connect",
      "127.0.0.1:" .. port, "-servername", name, "-nameopt", "oneline"}, {input = ""})
    local conn = assert(listener:accept())
    conn:close()
    peer:wait()
    return peer:output():match "\nsubject=[^\n]-CN = ([^\n,]+)"
  end

  local function listen(names)
    local context = server {certfile = file "wildcard.pem",
      server_names = names}
    listener = assert(context:wrap_socket(socket.bind("127.0.0.1", 0)))
    listener:settimeout(helpers.patience)
    port = select(2, listener:getsockname())
  end

  it("take a trailing dot for nothing", function()
    listen {["one.example"] = server {certfile = file "other.pem"}}
    assert.equal("other.example", ask "one.example.")
    assert.equal("other.example", ask "ONE.example.")
    assert.equal("wildcard", ask "one.example..")
  end)

  it("do not take a name for a wildcard of theirs", function()
    listen {["*.example"] = server {certfile = file "other.pem"}}
    assert.equal("other.example", ask "a.example")
    assert.equal("wildcard", ask "*.example")
    assert.equal("wildcard", ask "*.*.example")
  end)

  it("do not take an empty label for one", function()
    listen {["*.example"] = server {certfile = file "other.pem"}}
    assert.equal("wildcard", ask ".example")
  end)
end)
