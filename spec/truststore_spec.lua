-- The system's trust anchors: where they come from, when they are read, who
-- shares them. Most cases need an environment, so a process of their own.

local ssl = require "luassl"
local helpers = require "spec.helpers"

helpers.audit()

local file = helpers.file

local function run(argv)
  local peer = helpers.spawn(argv)
  assert.are.equal(0, peer:wait(), peer:output())
end

local function openssl(...)
  run {"openssl", ...}
end

-- A new directory with these files under hashed names.
local function hashed(...)
  local directory = helpers.temp_name()
  run {"mkdir", directory}
  for i, name in ipairs {...} do
    run {"cp", name, ("%s/%d.pem"):format(directory, i)}
  end
  openssl("rehash", directory)
  return directory
end

local function joined(...)
  local parts = {}
  for i, name in ipairs {...} do parts[i] = helpers.read_file(name) end
  return helpers.temp_file(table.concat(parts))
end

-- An authority in files NAME.key and NAME.crt; the name.
local function authority(subject, key)
  local name = helpers.temp_name()
  if key then run {"cp", key, name .. ".key"}
  else openssl("genpkey", "-algorithm", "ED25519", "-out", name .. ".key") end
  openssl("req", "-x509", "-new", "-key", name .. ".key", "-subj", subject,
    "-days", "9", "-out", name .. ".crt")
  return name
end

-- The file of a certificate of the same key and name as the authority
-- `name`, which ended in 2021. By `openssl ca`: `x509 -days -1` is refused
-- from OpenSSL 3.4 on, `-not_after` unknown before.
local function expired_twin(name, subject)
  local directory = helpers.temp_name()
  run {"mkdir", directory}
  local csr, database = directory .. "/csr", directory .. "/database"
  assert(io.open(database, "w")):close()
  openssl("req", "-new", "-key", name .. ".key", "-subj", subject, "-out", csr)
  local config = helpers.temp_file(([[
[ca]
default_ca = dated
[dated]
database = %s
new_certs_dir = %s
rand_serial = yes
default_md = default
policy = any
x509_extensions = authority
[any]
commonName = supplied
[authority]
basicConstraints = CA:TRUE
subjectKeyIdentifier = hash
]]):format(database, directory))
  openssl("ca", "-config", config, "-batch", "-notext", "-selfsign", "-keyfile",
    name .. ".key", "-in", csr, "-startdate", "20200101000000Z", "-enddate",
    "20210101000000Z", "-out", directory .. "/crt")
  return directory .. "/crt"
end

-- A certificate and its key in one file, issued by an authority.
local function issue(issuer)
  local name = helpers.temp_name()
  openssl("req", "-new", "-newkey", "ed25519", "-nodes", "-keyout",
    name .. ".key", "-subj", "/CN=localhost", "-out", name .. ".csr")
  openssl("x509", "-req", "-in", name .. ".csr", "-CA", issuer .. ".crt",
    "-CAkey", issuer .. ".key", "-CAcreateserial", "-days", "9", "-extfile",
    helpers.temp_file "subjectAltName=DNS:localhost\nauthorityKeyIdentifier=keyid\n",
    "-out", name .. ".crt")
  return joined(name .. ".key", name .. ".crt")
end

-- verify(certfile[, context]): does a client trust the server? true, or the
-- verify_code. The rest of a case's code comes after this.
local PRELUDE = [[
local ssl = require "luassl"
local helpers = require "spec.helpers"

local function verify(certfile, context)
  context = context or assert(ssl.create_default_context())
  local client = assert(context:wrap_object {server_hostname = "localhost"})
  local server = assert(ssl.SSLContext {server_side = true,
    certfile = certfile}):wrap_object()
  local ok, err = helpers.handshake(client, server)
  return ok or err.verify_code
end
]]

-- What the code, in a process with these sources, prints; ... are its
-- arguments.
local function printed(sources, code, ...)
  local peer = helpers.spawn({helpers.interpreter,
    helpers.temp_file(PRELUDE .. code), ...}, {env = {
      SSL_CERT_FILE = sources.file or "/nowhere",
      SSL_CERT_DIR = sources.directory or "/nowhere"}})
  assert.are.equal(0, peer:wait(), peer:output())
  return peer:output()
end

-- What `verify` says of each certificate, in one process, in that order.
local function verdicts(sources, ...)
  return printed(sources,
    "for i = 1, #arg do io.write(tostring(verify(arg[i])), ' ') end", ...)
end

local rsa, chained = file "rsa.pem", file "chained.pem"
local untrusted = file "untrusted.pem"
local root, other_root = file "root.crt", file "other-root.crt"

describe("system trust", function()
  it("is a file", function()
    assert.are.equal("true true 20 ",
      verdicts({file = root}, rsa, chained, untrusted))
  end)

  it("is a list of hashed directories", function()
    assert.are.equal("true true 20 ",
      verdicts({directory = hashed(root)}, rsa, chained, untrusted))
    assert.are.equal("true true ", verdicts({directory = "/nowhere::"
      .. hashed(root) .. ":" .. hashed(other_root)}, rsa, untrusted))
  end)

  it("is the union of both", function()
    assert.are.equal("true true true ", verdicts({file = root,
      directory = hashed(other_root)}, untrusted, rsa, chained))
    assert.are.equal("true true true ", verdicts({file = other_root,
      directory = hashed(root)}, chained, untrusted, rsa))
  end)

  it("may be missing without an error of its own", function()
    for _, name in ipairs {"/nowhere", "", "/", file "empty.pem",
      file "text.pem"} do
      assert.are.equal("20 20 ", verdicts({file = name, directory = name},
        rsa, chained))
      assert.are.equal("true ", verdicts({file = name,
        directory = hashed(root)}, rsa))
      assert.are.equal("true ", verdicts({file = root, directory = name}, rsa))
    end
  end)

  it("leaves out damaged certificates alone", function()
    local bundle = joined(file "text.pem", file "garbage.pem", other_root,
      file "garbage.pem", root)
    assert.are.equal("true true ", verdicts({file = bundle}, rsa, untrusted))
  end)

  it("obeys trusted certificates", function()
    local rejected = helpers.temp_name()
    openssl("x509", "-in", root, "-trustout", "-addreject", "serverAuth",
      "-out", rejected)
    assert.are.equal("28 ", verdicts({file = rejected}, rsa))
  end)

  it("finds each of several authorities of one name", function()
    local one, two = authority "/CN=Twin", authority "/CN=Twin"
    local first, second = issue(one), issue(two)
    for _, sources in ipairs {
      {file = one .. ".crt", directory = hashed(two .. ".crt")},
      {file = two .. ".crt", directory = hashed(one .. ".crt")},
      {file = joined(one .. ".crt", two .. ".crt")},
    } do
      assert.are.equal("true true ", verdicts(sources, first, second))
      assert.are.equal("true true ", verdicts(sources, second, first))
    end
    assert.are.equal("20 ", verdicts({file = one .. ".crt"}, second))
  end)

  it("finds the renewed authority beside the expired one", function()
    local renewed = authority "/CN=Renewed"
    local expired = expired_twin(renewed, "/CN=Renewed")
    local cert = issue(renewed)
    for _, sources in ipairs {
      {file = renewed .. ".crt", directory = hashed(expired)},
      {file = expired, directory = hashed(renewed .. ".crt")},
    } do
      assert.are.equal("true ", verdicts(sources, cert))
    end
    assert.are.equal("10 ", verdicts({file = expired}, cert))
  end)

  it("adds to trust of one's own", function()
    local code = [[
      local context = assert(ssl.SSLContext {cert_reqs = 2, ca_certs = arg[1],
        system_trust = true})
      for i = 2, #arg do io.write(tostring(verify(arg[i], context)), " ") end
      context = assert(ssl.SSLContext {cert_reqs = 2, ca_certs = arg[1]})
      for i = 2, #arg do io.write(tostring(verify(arg[i], context)), " ") end
      io.write(tostring(verify(arg[2])))
    ]]
    assert.are.equal("true true true true 20 20 20", printed({file = root},
      code, other_root, untrusted, rsa, chained))
  end)
end)

describe("a change of the system's trust", function()
  it("counts for later contexts, not for former ones", function()
    local bundle = joined(root)
    assert.are.equal("true 20 true 20 true true 20 true", printed({
      file = bundle}, [[
      local function both(context)
        io.write(tostring(verify(arg[2], context)), " ")
        io.write(tostring(verify(arg[3], context)), " ")
      end
      local former = assert(ssl.create_default_context())
      both(former)
      local file = assert(io.open(arg[1], "a"))
      file:write(helpers.read_file(arg[4]))
      file:close()
      both(former)
      both()
      file = assert(io.open(arg[1], "w"))
      file:write(helpers.read_file(arg[4]))
      file:close()
      io.write(tostring(verify(arg[2])), " ", tostring(verify(arg[3])))
    ]], bundle, rsa, untrusted, other_root))
  end)

  it("is noticed in directories", function()
    local directory = hashed(root)
    assert.are.equal("true 20 20 true", printed({directory = directory}, [[
      io.write(tostring(verify(arg[2])), " ", tostring(verify(arg[3])), " ")
      os.execute(("cd %s; rm *; cp %s new.pem; openssl rehash ."):format(arg[1],
        arg[4]))
      io.write(tostring(verify(arg[2])), " ", tostring(verify(arg[3])))
    ]], directory, rsa, untrusted, other_root))
  end)

  it("leaves nothing of what was before", function()
    local bundle = joined(root)
    assert.are.equal("", printed({file = bundle}, [[
      local function change()
        local file = assert(io.open(arg[1], "a"))
        file:write "\n"  -- its size changes
        file:close()
        assert(verify(arg[2]) == true)
      end
      change()
      local before = helpers.snapshot()
      for _ = 1, 10 do change() end
      io.write(table.concat(helpers.growth(before), ", "))
    ]], bundle, rsa))
  end)

  it("from nothing to something is noticed", function()
    local bundle = helpers.temp_name()
    assert.are.equal("20 true", printed({file = bundle}, [[
      io.write(tostring(verify(arg[2])), " ")
      local file = assert(io.open(arg[1], "w"))
      file:write(helpers.read_file(arg[3]))
      file:close()
      io.write(tostring(verify(arg[2])))
    ]], bundle, rsa, root))
  end)
end)

describe("the shared store", function()
  it("reads the file once for all contexts, when it is needed", function()
    local pipe = helpers.temp_name()  -- what is read twice blocks for ever
    run {"mkfifo", pipe}
    assert.are.equal("true true true", printed({file = pipe}, [[
      local contexts = {}
      for i = 1, 10 do
        contexts[i] = assert(ssl.create_default_context())
        contexts[10 + i] = assert(ssl.create_default_context {
          ca_certs = arg[2], system_trust = true})
      end
      os.execute(("cat %s > %s &"):format(arg[3], arg[1]))
      local results = {}
      for _, context in ipairs(contexts) do
        for i = 4, #arg do
          local verdict = verify(arg[i], context)
          assert(results[i] == nil or verdict == results[i])
          results[i] = verdict
        end
      end
      io.write(tostring(results[4]), " ", tostring(results[5]), " ",
        tostring(results[6]))
    ]], pipe, file "selfsigned.crt", file "roots.crt", rsa, chained, untrusted))
  end)

  it("costs a context next to nothing", function()
    local bundle = helpers.temp_file(helpers.read_file(root):rep(150))
    assert.are.equal("cheap", printed({file = bundle}, [[
      local socket = require "socket"
      local start = socket.gettime()
      for _ = 1, 400 do assert(ssl.create_default_context()) end
      local spent = socket.gettime() - start  -- 0.05 s; 6 s if each read it
      io.write(spent < 2 and "cheap" or "expensive: " .. spent)
    ]]))
  end)

  it("is not loaded by a client that misses no issuer", function()
    local pipe = helpers.temp_name()  -- whoever opens it waits for ever
    run {"mkfifo", pipe}
    assert.are.equal("true ", verdicts({file = pipe,
      directory = hashed(root)}, rsa))
  end)

  it("keeps no certificate alive for contexts that are gone", function()
    local function use()
      for _, options in ipairs {{system_trust = true}, {system_trust = true,
        ca_certs = file "other-root.crt"}} do
        options.cert_reqs = ssl.CERT_REQUIRED
        for _, name in ipairs {"rsa", "chained", "untrusted"} do
          local client = assert(ssl.SSLContext(options)):wrap_object()
          local server = assert(ssl.SSLContext {server_side = true,
            certfile = file(name .. ".pem")}):wrap_object()
          helpers.handshake(client, server)
          client:close()
          server:close()
        end
      end
    end
    use()
    local before = helpers.snapshot()
    for _ = 1, 10 do use() end
    assert.are.same({}, helpers.growth(before))
  end)

  it("serves threads that start together", function()
    local program = helpers.temp_name()
    run {os.getenv "CC" or "cc", "-DCOMPAT_WITHOUT_LUA", "-o", program,
      "spec/truststore.c", "src/truststore.c", "src/stamp.c", "-lssl",
      "-lcrypto", "-lpthread"}
    local bundle = joined(root, other_root)
    local directory = hashed(other_root)
    for _ = 1, 10 do
      local peer = helpers.spawn({program, file "intermediate.crt",
        file "rsa.crt", file "chained.crt", file "untrusted.crt"},
        {env = {SSL_CERT_FILE = bundle, SSL_CERT_DIR = directory}})
      assert.are.equal(0, peer:wait(), peer:output())
      assert.are.equal("done\n", peer:output())
    end
  end)
end)
