-- The system's trust anchors: where they come from, when they are read, who
-- shares them. Most cases need an environment, so a process of their own.

local ssl = require "luassl"
local helpers = require "spec.support.helpers"

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
local audit = require "luassl_audit"
local process = require "luassl_process"
local helpers = require "spec.support.helpers"

local function system()
  return assert(ssl.create_default_context())
end

local function verify(certfile, context)
  context = context or system()
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
      SSL_CERT_FILE = sources.file or "",
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
      assert.are.equal("true ", verdicts({file = root, directory = name}, rsa))
      assert.are.equal("20 20 ", verdicts({directory = name}, rsa, chained))
    end
    for _, name in ipairs {"", file "empty.pem", file "text.pem"} do
      assert.are.equal("20 20 ", verdicts({file = name}, rsa, chained))
      assert.are.equal("true ", verdicts({file = name,
        directory = hashed(root)}, rsa))
    end
  end)

  it("is an error where the file that the environment names cannot be read",
    function()
      local large = helpers.temp_name()
      run {"truncate", "-s", "17M", large}
      for name, reason in pairs {["/nowhere"] = "No such file or directory",
        ["/"] = "Is a directory", [large] = "File too large",
        [root .. "/x"] = "Not a directory"} do
        assert.are.equal("file system_trust " .. name .. " " .. name
          .. " (SSL_CERT_FILE): " .. reason .. "\n"
          .. ("nil file\n"):rep(3), printed({file = name}, [[
          local made, err = ssl.create_default_context()
          assert(made == nil and err:is(ssl.SSLError))
          print(err.kind, err.operation, err.file, (err:gsub("^.*read ", "")))
          for i, take in ipairs {
            function() return ssl.connect("127.0.0.1", 1) end,
            function() return ssl.SSLContext {system_trust = true} end,
            function() return ssl.SSLContext {system_trust = true, ca_certs = arg[1]} end,
          } do
            made, err = take()
            print(made, err.kind)
          end
          assert(ssl.SSLContext {ca_certs = arg[1]})
        ]], root):gsub("\t", " "), nil)
      end
    end)

  it("is told when the default file is missing and nobody is trusted", function()
    local library = helpers.temp_name() .. ".so"
    local source = helpers.temp_name() .. ".c"
    local handle = assert(io.open(source, "w"))
    handle:write [[
      const char *X509_get_default_cert_file (void);
      const char *X509_get_default_cert_file (void) { return "/nowhere.pem"; }
    ]]
    handle:close()
    run {os.getenv "CC" or "cc", "-shared", "-fPIC", "-o", library, source}
    local told, preloaded = {}, helpers.preloaded  -- a sanitizer
    for i, setting in ipairs {{"-u", "SSL_CERT_FILE"},
      {"-u", "UNKNOWN", "SSL_CERT_FILE=" .. file "other-root.crt"}} do
      local argv = {"env"}
      for _, word in ipairs(setting) do argv[#argv + 1] = word end
      for _, word in ipairs {helpers.interpreter, helpers.temp_file(PRELUDE .. [[
          local server = assert(ssl.SSLContext {server_side = true,
            certfile = arg[1]}):wrap_object()
          local _, err = helpers.handshake(system():wrap_object {
            server_hostname = "localhost"}, server)
          print(err.verify_code, tostring(err))
        ]]), rsa} do argv[#argv + 1] = word end
      local peer = helpers.spawn(argv, {env = {SSL_CERT_DIR = "/nowhere",
        LD_PRELOAD = (preloaded and preloaded .. " " or "") .. library}})
      assert.are.equal(0, peer:wait(), peer:output())
      told[i] = peer:output()
    end
    assert.truthy(told[1]:find("^20\t.*; this system has no trusted certificates, which were looked for in "
      .. "the file /nowhere%.pem %(No such file or directory%) and the directory /nowhere: install the package "
      .. "ca%-certificates, or name others by ca_certs, SSL_CERT_FILE or SSL_CERT_DIR\n$"), told[1])
    assert.truthy(told[2]:find "^20\t", told[2])
    assert.is_nil((told[2]:find("/nowhere", 1, true)), told[2])
  end)

  it("is told when there is none, in neither file nor directory", function()
    local SAY = [[
      local _, server = nil, assert(ssl.SSLContext {server_side = true, certfile = arg[1]}):wrap_object()
      local options = arg[2] and {ca_certs = arg[2], system_trust = true} or {}
      local client = assert(ssl.create_default_context(options)):wrap_object {server_hostname = "localhost"}
      _, _ = helpers.handshake(client, server)
      io.write(tostring(select(2, client:do_handshake())))]]
    local NONE = "this system has no trusted certificates, which were looked for in "
    local none = helpers.temp_name()
    run {"mkdir", none}
    for _, sources in ipairs {
      {"", none, "the directory " .. none .. ": install"},
      {"", "/nowhere:" .. none, "the directories /nowhere:" .. none .. ": install"},
      {file "empty.pem", none, "the file " .. file "empty.pem" .. " and the directory " .. none .. ": install"},
      {file "text.pem", "/nowhere", "the file " .. file "text.pem" .. " and the directory /nowhere: install"},
    } do
      local said = printed({file = sources[1], directory = sources[2]}, SAY, rsa)
      assert.truthy(said:find(NONE .. sources[3], 1, true), said)
      assert.truthy(said:find("CN=LuaSSL test root is not known here", 1, true), said)
      said = printed({file = sources[1], directory = sources[2]}, SAY, rsa, other_root)
      assert.truthy(said:find(NONE, 1, true), said)
    end
    for _, sources in ipairs {{other_root, none}, {"", hashed(other_root)}, {other_root, hashed(other_root)}} do
      local said = printed({file = sources[1], directory = sources[2]}, SAY, rsa)
      assert.truthy(said:find("is not known here", 1, true), said)
      assert.is_nil((said:find("this system", 1, true)), said)
    end
    -- Who does not ask the system is not told of it.
    local said = printed({file = "", directory = none}, SAY:gsub(", system_trust = true", ""), rsa, other_root)
    assert.truthy(said:find("is not known here", 1, true), said)
    assert.is_nil((said:find("this system", 1, true)), said)
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

  it("counts though a file has its old size and time", function()
    local bundle, time = helpers.temp_name(), "2001-02-03 04:05:06"
    assert.are.equal("true 20 20 true", printed({}, [[
      local function write(mode, name)
        local text = helpers.read_file(name)
        local file = assert(io.open(arg[1], mode))
        file:write(("#"):rep(4000 - #text), "\n", text)
        file:close()
        assert(helpers.spawn {"touch", "-d", arg[5], arg[1]}:wait() == 0)
      end
      process.setenv("SSL_CERT_FILE", arg[1])
      for _, name in ipairs {helpers.file "root.crt", arg[4]} do
        write(name == arg[4] and "r+b" or "wb", name)
        io.write(name == arg[4] and " " or "", tostring(verify(arg[2])), " ", tostring(verify(arg[3])))
      end
    ]], bundle, rsa, untrusted, other_root, time))
  end)

  it("from nothing to something is noticed", function()
    local bundle = helpers.temp_name()
    assert.are.equal("nil true", printed({file = bundle}, [[
      io.write(tostring((ssl.create_default_context())), " ")
      local file = assert(io.open(arg[1], "w"))
      file:write(helpers.read_file(arg[3]))
      file:close()
      io.write(tostring(verify(arg[2])))
    ]], bundle, rsa, root))
  end)
end)

describe("the shared store", function()
  it("reads the file once for all contexts, and parses it once if needed", function()
    local bundle = helpers.temp_file(helpers.read_file(root):rep(300))
    local size = #helpers.read_file(bundle)
    assert.are.equal("once true", printed({file = bundle}, [[
      local function count()  -- bytes read, certificates in memory
        collectgarbage()
        collectgarbage()
        return tonumber(helpers.read_file("/proc/self/io"):match "rchar: (%d+)"), audit.counts().X509
      end
      local size = tonumber(arg[1])
      local contexts, start = {}, count()
      for i = 1, 10 do
        contexts[i] = system()
        contexts[10 + i] = assert(ssl.create_default_context {
          ca_certs = arg[2], system_trust = true})
      end
      local bytes, certificates = count()
      assert(bytes - start >= size and bytes - start < 2 * size, bytes - start)
      assert(certificates == 10, certificates)  -- those of ca_certs
      os.remove(os.getenv "SSL_CERT_FILE")
      for _, context in ipairs(contexts) do assert(verify(arg[3], context) == true) end
      bytes, certificates = count()
      assert(bytes - start < 2 * size, bytes - start)
      assert(certificates < 2 * 300, certificates)
      io.write("once ", tostring(verify(arg[3], contexts[1])))
    ]], size, file "selfsigned.crt", rsa))
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

  it("does not read the file again when a directory has changed", function()
    local bundle = helpers.temp_file(helpers.read_file(root):rep(300))
    local directory = helpers.temp_name()
    run {"mkdir", directory}
    assert.are.equal("once", printed({file = bundle, directory = directory}, [[
      local function count() return tonumber(helpers.read_file("/proc/self/io"):match "rchar: (%d+)") end
      system()
      local start = count()
      for i = 1, 3 do
        assert(io.open(arg[2] .. "/" .. i, "w")):close()
        system()
      end
      io.write(count() - start < tonumber(arg[1]) and "once" or "again")
    ]], #helpers.read_file(bundle), directory))
  end)

  it("is not parsed for a client that misses no issuer", function()
    local bundle = helpers.temp_file(helpers.read_file(root):rep(300))
    assert.are.equal("true few", printed({file = bundle, directory = hashed(root)}, [[
      io.write(tostring(verify(arg[1])), " ")
      local count = audit.counts().X509
      io.write(count < 300 and "few" or tostring(count))
    ]], rsa))
  end)

  it("has no descriptor open", function()
    assert.are.equal("", printed({file = root, directory = hashed(root)}, [[
      local before = audit.descriptors()
      local contexts = {system(), system()}
      assert(verify(arg[1], contexts[1]) == true)
      for fd, target in pairs(audit.descriptors()) do
        if not before[fd] then io.write(fd, " is ", target) end
      end
    ]], rsa))
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
    run {os.getenv "CC" or "cc", "-DCOMPAT_WITHOUT_LUA", "-Isrc", "-o", program,
      "spec/support/truststore.c", "src/x509/truststore.c", "src/x509/anchors.c", "src/x509/bundle.c",
      "src/x509/extension_cache.c", "src/x509/issuer_choice.c", "src/base/environment.c", "src/base/files.c",
      "src/base/file_identity.c", "-lssl", "-lcrypto", "-lpthread"}
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

-- In `here` the names lead to root.crt, in `there` to other-root.crt.
describe("what a context trusts does not depend on where the process goes:", function()
  local here, there, colon

  setup(function()
    here, there, colon = helpers.temp_name(), helpers.temp_name(), helpers.temp_name() .. ":x"
    for directory, anchor in pairs {[here] = root, [there] = other_root, [colon] = root} do
      run {"mkdir", directory}
      run {"cp", anchor, directory .. "/bundle.pem"}
      run {"cp", "-r", hashed(anchor), directory .. "/certs"}
    end
  end)

  -- What both certificates get from contexts that are made here, there, and
  -- here, when the process is there, and here again.
  local function check(expected, sources, make)
    assert.are.equal(expected, printed(sources, "local make = " .. (make or "system") .. [[

      local contexts = {}
      for i, directory in ipairs {arg[1], arg[2], arg[1]} do
        process.chdir(directory)
        contexts[i] = make()
      end
      for _, directory in ipairs {arg[2], arg[1], "/"} do
        process.chdir(directory)
        for i = 1, 3 do
          io.write(tostring(verify(arg[3], contexts[i])), " ", tostring(verify(arg[4], contexts[i])), " ")
        end
      end
    ]], here, there, rsa, untrusted))
  end

  local EXPECTED = ("true 20 20 true true 20 "):rep(3)

  it("a bundle", function()
    check(EXPECTED, {file = "bundle.pem"})
    check(EXPECTED, {file = "./certs/../bundle.pem", directory = ""})
  end)

  it("a directory", function()
    check(EXPECTED, {directory = "certs"})
    check(EXPECTED, {directory = "./certs:nowhere"})
  end)

  it("both, beside trust of one's own", function()
    check(EXPECTED, {file = "bundle.pem", directory = "certs"}, [[function()
      return assert(ssl.create_default_context {ca_certs = helpers.file "selfsigned.crt", system_trust = true})
    end]])
  end)

  it("ca_path", function()
    check(EXPECTED, {}, [[function() return assert(ssl.create_default_context {ca_path = "certs"}) end]])
  end)

  it("contexts that ssl.connect keeps", function()
    local peer = helpers.python_server("hold")
    assert.are.equal("true 20 true", printed({file = "bundle.pem", directory = "certs"}, [[
      local results = {}
      for i, directory in ipairs {arg[1], arg[2], arg[1]} do
        process.chdir(directory)
        local conn, err = ssl.connect("127.0.0.1", tonumber(arg[3]), {server_hostname = "localhost"})
        results[i] = conn and "true" or tostring(err.verify_code)
        if conn then conn:close() end
      end
      io.write(table.concat(results, " "))
    ]], here, there, peer.port))
    peer:stop()
  end)

  it("nor on what a name means later", function()
    local links = helpers.temp_name()
    run {"mkdir", links}
    run {"ln", "-s", here, links .. "/current"}
    for _, sources in ipairs {{file = links .. "/current/bundle.pem"},
      {directory = links .. "/current/certs"}} do
      run {"ln", "-sfn", here, links .. "/current"}
      assert.are.equal("true 20 20 true", printed(sources, [[
        local former = system()
        assert(helpers.spawn {"ln", "-sfn", arg[2], arg[1]}:wait() == 0)
        for _, context in ipairs {former, system()} do
          io.write(context == former and "" or " ", tostring(verify(arg[3], context)), " ",
            tostring(verify(arg[4], context)))
        end
      ]], links .. "/current", there, rsa, untrusted))
    end
  end)

  it("nor on who has a directory's former name", function()
    local place = helpers.temp_name()
    run {"mkdir", place}
    run {"cp", "-r", here, place .. "/app"}
    assert.are.equal("true 20 true 20", printed({directory = "certs"}, [[
      process.chdir(arg[1] .. "/app")
      io.write(tostring(verify(arg[3])), " ", tostring(verify(arg[4])), " ")
      assert(helpers.spawn({"sh", "-c", "mv app old; cp -r " .. arg[2] .. " app"}, {directory = arg[1]}):wait() == 0)
      io.write(tostring(verify(arg[3])), " ", tostring(verify(arg[4])))  -- in old/certs
    ]], place, there, rsa, untrusted))
  end)

  it("and a path that OpenSSL would take apart is refused", function()
    assert.are.equal("file certs", printed({directory = "certs"}, [[
      process.chdir(arg[1])
      local made, err = ssl.create_default_context()
      assert(made == nil and err:find("has a colon", 1, true) and err:find("SSL_CERT_DIR", 1, true))
      io.write(err.kind, " ", err.file)
    ]], colon))
  end)
end)
