-- Secrets stay secret: a private key or a passphrase, put by mistake into
-- each option and each argument in turn, is in nothing that comes back: no
-- value, error, field of one, raised message or traceback, and no kept key.
local errors = require "luassl.errors"
local helpers = require "spec.support.helpers"
local mime = require "mime"
local socket = require "socket"
local ssl = require "luassl"
local wire = require "spec.support.wire"

helpers.audit()

local unpack = table.unpack or unpack
-- busted looks each global up in all the blocks around it.
local debug, ipairs, pairs, pcall, tostring, type, xpcall = debug, ipairs, pairs, pcall, tostring, type, xpcall

local function read(name)
  return helpers.read_file(helpers.file(name))
end

-- ---- what is a secret, and how it is recognized ----

-- Any so many bytes in a row of a key give it away.
local GRAM = 16
local grams, halves = {}, {}

local function remember(text)
  for i = 1, #text - GRAM + 1 do grams[text:sub(i, i + GRAM - 1)] = true end
  for i = 1, #text - GRAM / 2 + 1 do halves[text:sub(i, i + GRAM / 2 - 1)] = true end
end

local function remember_pem(pem)
  local body = pem:gsub("%-%-%-%-%-[^\n]+", "")
  remember((body:gsub("%s", "")))
  for line in body:gmatch "[^\n]+" do remember(line) end
end

local WORD = "Zebra7"
local PASSPHRASE = "correct horse " .. WORD .. " battery"

local key = read "ecdsa.key"
local base64 = key:gsub("%-%-%-%-%-[^\n]+", ""):gsub("%s", "")
local der = mime.unb64(base64)
local certificate = read "ecdsa.crt"
local PUTTY = "PuTTY-User-Key-File-2: ssh-rsa\nPrivate-Lines: 1\nAAAAgQCqNJnGMyNnmyA54Q2jBpGCBUFpXkAbmYVoLzs=\n"

remember_pem(read "rsa-pkcs8.key")
remember "AAAAgQCqNJnGMyNnmyA54Q2jBpGCBUFpXkAbmYVoLzs="

-- Of the key itself only the private number, which no certificate has.
do
  local _, before = der:find("\2\1\1\4\32", 1, true)  -- RFC 5915, 3
  local number = der:sub(before + 1, before + 32)
  local private = base64:sub(math.ceil(before / 3) * 4 + 1, math.floor((before + 32) / 3) * 4)
  assert(key:gsub("%s", ""):find(private, 1, true) and #private >= 2 * GRAM)
  remember(number)
  remember(private)
  remember((number:gsub(".", function(c) return ("\\x%02X"):format(c:byte()) end)))
end

-- Whoever reads its name in a message is no wiser: what it is, not its text.
local SECRETS = {
  {"a key", key},
  {"an encrypted key", read "rsa-pkcs8.key"},
  {"a key with CRLF", (key:gsub("\n", "\r\n"))},
  {"a key in one line", (key:gsub("\n", "\\n"))},
  {"a key behind its certificate", certificate .. key},
  {"a key before its certificate", key .. certificate},
  {"a key that begins late", ("x"):rep(300) .. "\n" .. key},
  {"a key without its first line", (key:gsub("^[^\n]+\n", ""))},
  {"the end of an encrypted key", (read "rsa-pkcs8.key":gsub("^[^\n]+\n[^\n]+\n", ""))},
  {"the base64 of a key", base64},
  {"the base64 of a key in lines", (base64:gsub(("."):rep(64), "%0\n"))},
  {"the DER of a key", der},
  {"a key of PuTTY's", PUTTY, looks_like_any = true},
  {"a passphrase", PASSPHRASE, looks_like_any = true, word = true},
}

local function holds_gram(text, first, last)
  for i = math.max(first, 1), math.min(last, #text - GRAM + 1) do
    if grams[text:sub(i, i + GRAM - 1)] then return true end
  end
end

-- Whatever GRAM bytes it holds, one of these halves is among them.
local function holds_secret(text)
  local half = GRAM / 2
  for i = 1, #text - half + 1, half + 1 do
    if halves[text:sub(i, i + half - 1)] and holds_gram(text, i - half, i) then return true end
  end
  return text:find(WORD, 1, true) ~= nil
end

local searched = {}  -- most texts come again and again

local function secret_in(text)
  if searched[text] == nil then searched[text] = holds_secret(text) end
  return searched[text] and text or nil
end

local OPTIONS = {}  -- all names there are
for i, option in ipairs(require "luassl.core".options) do OPTIONS[i] = option.name end

-- ---- where it is looked for ----

local context_get = require "luassl.core".context.methods.get

local leak_in

local function leak_in_table(value, seen)
  for name, field in pairs(value) do
    local found = leak_in(name, seen) or leak_in(field, seen)
    if found then return found end
  end
  return leak_in(getmetatable(value), seen)
end

-- What a context tells of its options; its table of names is the caller's.
local function leak_in_context(context, seen)
  for _, name in ipairs(OPTIONS) do
    local _, value = pcall(context_get, context, name)
    local found = name ~= "server_names" and leak_in(value, seen)
    if found then return name .. ": " .. found end
  end
end

-- A text with a secret in it, reached from the value; nil: there is none.
function leak_in(value, seen)
  local kind = type(value)
  if kind == "string" then return secret_in(value) end
  if seen[value] or (kind ~= "table" and kind ~= "userdata") then return nil end
  seen[value] = true
  local found = secret_in(tostring(value))
  if found then return found end
  if kind == "table" then return leak_in_table(value, seen) end
  if tostring(value):find "^SSLContext" then return leak_in_context(value, seen) end
end

-- Calls it and searches all that comes of it.
local function search(what, call, given, excused)
  local seen = {}
  if type(given) == "table" then seen[given] = true end  -- the caller's own
  local results = {xpcall(call, function(message)
    return {message, debug.traceback(errors.is_error(message) and message.text or message)}
  end)}
  if excused then return results end
  for i = 1, 5 do
    local found = leak_in(results[i], seen)
    assert(not found, found and ("%s gives: %q"):format(what, found:sub(1, 400)))
  end
  return results
end

-- ---- options ----

-- The caller's words that are quoted: a passphrase there is one like others.
local QUOTED = {
  ca_certs = true, ca_path = true, certfile = true, certificates = true, ciphers = true, ciphersuites = true,
  crl_file = true, groups = true, keyfile = true, keylog = true, trace = true,
  maximum_version = true, minimum_version = true, ocsp_response = true, pkcs12_file = true, sigalgs = true,
}

-- Bytes of any sort, which `get` gives back: all but what looks like a key.
local OPAQUE = {alpn_protocols = true, hooks_id = true, session_id_context = true}
local TAKES_TABLES = {alpn_protocols = true, certificates = true, pins = true, server_names = true}

local OF_CERTIFICATES = {"cert", "certfile", "key", "key_uri", "keyfile", "password", "pkcs12", "pkcs12_file"}

-- The secret as it may stand in an option.
local function forms(secret, name)
  local text = secret[2]
  if not TAKES_TABLES[name] and secret ~= SECRETS[1] then return {text} end
  local list = {text, {text}, {[text] = text}}
  if name ~= "certificates" then return list end
  for _, option in ipairs(OF_CERTIFICATES) do
    local entry = {cert = option:find "^key" and certificate or nil, [option] = text}
    if option == "password" then entry.cert, entry.key = read "rsa.crt", read "rsa-pkcs8.key" end
    list[#list + 1] = {entry}
  end
  list[#list + 1] = {{[text] = text}}
  return list
end

local made

local function keep(object, ...)
  if object then made[#made + 1] = object end
  return object, ...
end

local function server_options(options)
  if options.server_side == nil then options.server_side = true end
  local is_given = options.certfile or options.cert or options.certificates or options.pkcs12 or options.pkcs12_file
  if not is_given then options.certfile = helpers.file "ecdsa.pem" end
  return options
end

-- For them to be looked at, some options need others.
local function completed(name, options)
  if name == "keyfile" or name == "key" or name == "key_uri" then options.cert = certificate end
  if name == "password" then options.cert, options.key = read "rsa.crt", read "rsa-pkcs8.key" end
  return options
end

local CALLS = {
  {"SSLContext", function(options) return ssl.SSLContext(options) end},
  {"SSLContext of a server", function(options) return ssl.SSLContext(server_options(options)) end},
  {"create_default_context", function(options) return ssl.create_default_context(options) end},
  {"set", function(options)
    local context = assert(ssl.SSLContext())
    local done, err = context:set(options)
    return context, done, err
  end},
  {"wrap_object", function(options)
    return keep(assert(ssl.SSLContext()):wrap_object(options))
  end},
  {"wrap_socket of a context", function(options)
    return keep(assert(ssl.SSLContext()):wrap_socket(keep(socket.tcp()), options))
  end},
  {"wrap_socket", function(options) return keep(ssl.wrap_socket(keep(socket.tcp()), options)) end},
  {"wrap_socket of a server", function(options)
    return keep(ssl.wrap_socket(keep(socket.tcp()), server_options(options)))
  end},
  {"connect", function(options) return keep(ssl.connect("127.0.0.1", 1, options)) end},
  {"get_server_certificate", function(options) return ssl.get_server_certificate({"127.0.0.1", 1}, options) end},
}

-- The strings, tables and functions of context_cache.lua; keys that are tables are
-- the callers' own.
local function kept_leak()
  local seen = {}
  local function visit(value)
    if seen[value] then return nil end
    if type(value) == "string" then return secret_in(value) end
    if type(value) ~= "table" and type(value) ~= "function" then return nil end
    seen[value] = true
    if type(value) == "table" then
      for name, field in pairs(value) do
        local found = type(name) == "string" and secret_in(name) or visit(field)
        if found then return found end
      end
    elseif debug.getinfo(value, "S").source:find("context_cache.lua", 1, true) then
      for i = 1, math.huge do
        local name, upvalue = debug.getupvalue(value, i)
        if not name then return nil end
        local found = visit(upvalue)
        if found then return found end
      end
    end
  end
  return visit(require "luassl.context_cache".get)
end

before_each(function() made = {} end)

after_each(function()
  for _, object in ipairs(made) do object:close() end
  made = nil
  helpers.forget_contexts()
  assert.is_nil(kept_leak())
end)

describe("an option", function()
  it("is in the list that this goes through", function()
    local known = {}
    for _, name in ipairs(OPTIONS) do known[name] = true end
    for _, name in ipairs {"ca_path", "cert", "groups", "password", "server_hostname", "session", "timeout"} do
      assert.is_true(known[name], name)
    end
  end)

  for _, secret in ipairs(SECRETS) do
    it("holds " .. secret[1], function()
      for _, call in ipairs(CALLS) do
        for _, name in ipairs(OPTIONS) do
          local excused = secret.word and QUOTED[name] or secret.looks_like_any and OPAQUE[name]
          for _, value in ipairs(forms(secret, name)) do
            local options = completed(name, {[name] = value})
            search(("%s: %s in %s"):format(call[1], secret[1], name), function()
              return call[2](options)
            end, options, excused)
          end
        end
        local options = {[secret[2]] = true}
        search(call[1] .. ": " .. secret[1] .. " as a name", function() return call[2](options) end, options,
          secret.word)
        assert.is_nil(kept_leak())
      end
      if secret.word then os.remove(secret[2]) end  -- it is a name for a key log
    end)
  end

  it("that wants a file's name says where PEM goes", function()
    for name, other in pairs {certfile = "cert", keyfile = "key", ca_certs = "ca_data", ca_path = "ca_data"} do
      local context, err = ssl.SSLContext(completed(name, {[name] = certificate .. key}))
      assert.is_nil(context)
      assert.equal("pem", err.kind)
      assert.equal(name, err.operation)
      assert.is_nil(err.file)
      assert.equal(("%s: option %s wants a file name; PEM text goes in option %s"):format(name, name, other),
        tostring(err))
    end
  end)

  it("that names a file is quoted in part if it is long", function()
    local name = "/nonexistent/" .. ("\195\164"):rep(400) .. "/key.pem"
    local _, err = ssl.SSLContext {certfile = name}
    assert.is_truthy(tostring(err):find("/key.pem does not exist", 1, true))
    assert.is_true(#tostring(err) < 300)
    assert.equal(name, err.file)
    assert.is_nil(tostring(err):find("\195[^\164]"))
    assert.is_nil(tostring(err):find "[^\195]\164")
    _, err = ssl.SSLContext {certfile = ("x/"):rep(3000)}
    assert.is_true(#tostring(err) < 300)
    assert.is_nil(err.file)
  end)

  it("that names a file is quoted without what is no text", function()
    local _, err = ssl.SSLContext {certfile = "/nonexistent/a\255\194\155b\195\164"}
    assert.equal("certfile: /nonexistent/a???b\195\164 does not exist", tostring(err))
  end)

  it("names a file with any name, which an error does not tell", function()
    local name = helpers.temp_name() .. "a\nb"
    local file = assert(io.open(name, "w"))
    file:write(certificate, key)
    file:close()
    assert(ssl.SSLContext {certfile = name})
    local _, err = ssl.SSLContext {certfile = name .. "\n"}
    assert.equal("certfile: a file whose name is not shown does not exist", tostring(err))
    assert.is_nil(err.file)
    assert(os.remove(name))
    name = helpers.temp_name() .. "a\nb"
    local peer = helpers.spawn {"openssl", "req", "-x509", "-newkey", "rsa:1024", "-noenc", "-subj", "/CN=weak",
      "-keyout", name, "-out", name}
    assert.equal(0, peer:wait())
    _, err = ssl.SSLContext {certfile = name}
    assert.equal("weak", err.kind)
    assert.equal(1, tostring(err):find("certfile a file whose name is not shown: ", 1, true))
    assert.is_nil(err.file)
    assert(os.remove(name))
  end)
end)

describe("get", function()
  local trusted = read "root.crt"

  it("gives of cert and ca_data nothing but certificates", function()
    for _, text in ipairs {certificate .. key, key .. certificate, "Bag\n" .. key .. PUTTY .. certificate} do
      local context = assert(ssl.SSLContext {cert = text, key = key, ca_data = text .. trusted})
      assert.equal(certificate, context:get "cert")
      assert.equal(certificate .. trusted, context:get "ca_data")
      assert.is_true(context:set {nodelay = false})  -- the key is there still
      assert.equal(certificate, context:get "cert")
    end
  end)

  it("gives trust settings with a certificate", function()
    local name = helpers.temp_name()
    local peer = helpers.spawn {"openssl", "x509", "-in", helpers.file "root.crt", "-addtrust", "serverAuth",
      "-out", name}
    assert.equal(0, peer:wait())
    local pem = helpers.read_file(name)
    assert.is_truthy(pem:find "TRUSTED")
    assert.equal(pem, assert(ssl.SSLContext {ca_data = key .. pem}):get "ca_data")
  end)

  it("refuses what is a key wherever it is", function()
    local context = assert(ssl.SSLContext {server_side = true, session_id_context = key})
    assert.error_matches(function() context:get "session_id_context" end, "cannot be read")
  end)
end)

describe("what is no key", function()
  it("is given back, whatever its bytes are", function()
    for _, text in ipairs {"", "0", "0\129", ("0\129"):rep(20), ("M"):rep(44), "MIT/" .. ("a"):rep(60), "01 Jan 2030",
      "0\30" .. ("\1"):rep(30), mime.b64(("0\130\1"):rep(20)), ("\255"):rep(32)} do
      local context = assert(ssl.SSLContext {server_side = true, session_id_context = text})
      assert.equal(text, context:get "session_id_context")
    end
    local _, err = ssl.SSLContext {certfile = "MIT/" .. ("a"):rep(60)}
    assert.equal("MIT/" .. ("a"):rep(60), err.file)
    _, err = ssl.cert_time_to_seconds(("M"):rep(44))
    assert.is_truthy(tostring(err):find('"MMMM', 1, true))
  end)
end)

describe("a context that connect keeps", function()
  it("is found again by what is no text", function()
    local contexts = require "luassl.context_cache"
    local count = 0
    local function make(options)
      count = count + 1
      return ssl.create_default_context(options)
    end
    for _ = 1, 3 do assert(contexts.get({cert = certificate .. key}, {}, make)) end
    assert.equal(1, count)
    assert(contexts.get({cert = key .. certificate}, {}, make))
    assert.equal(2, count)
    local identity = {}
    for _ = 1, 3 do assert(contexts.get({cert = certificate, key = key, password = "x"}, identity, make)) end
    assert.equal(3, count)
    assert(contexts.get({cert = certificate, key = key, password = "y"}, identity, make))
    assert.equal(4, count)
    assert.is_nil(kept_leak())
  end)
end)

-- ---- arguments of functions ----

-- What a function is called with, one of it a secret.
local ARGUMENTS = {
  connect = {"127.0.0.1", 1, {}}, wrap_socket = {false, {}}, get_server_certificate = {{"127.0.0.1", 1}, {}},
  RAND_add = {"x", 0}, poll = {{}, {}, 0},
}

-- The caller's own data in another form, and the words that are quoted.
local CONVERTS = {DER_cert_to_PEM_cert = {["the DER of a key"] = true}}
local QUOTES = {finished = true, get_channel_binding = true, signature_algorithm = true, send_file = true,
  get = true, cert_time_to_seconds = true, RAND_egd = true, shutdown = true}

describe("an argument", function()
  for _, secret in ipairs(SECRETS) do
    it("of each public function is " .. secret[1], function()
      local count = 0
      for name, call in pairs(ssl) do
        if type(call) == "function" then
          count = count + 1
          local arguments = ARGUMENTS[name] or {"x"}
          for i = 1, #arguments do
            for _, value in ipairs {secret[2], {secret[2], 1}, {"127.0.0.1", secret[2]}, {[secret[2]] = secret[2]}} do
              local list = {unpack(arguments)}
              if name == "wrap_socket" then list[1] = keep(socket.tcp()) end
              list[i] = value
              local excused = CONVERTS[name] and CONVERTS[name][secret[1]] or QUOTES[name] and secret.word
              search(("%s in argument %d of %s"):format(secret[1], i, name), function()
                return call(unpack(list))
              end, value, excused or secret.word and type(value) == "table" and value[1] == nil)
            end
          end
        end
      end
      assert.is_true(count >= 12)
    end)
  end

  it("of an error's method", function()
    local _, err = ssl.RAND_egd "/nonexistent"
    for _, secret in ipairs(SECRETS) do
      search("is", function() return err:is(secret[2]) end)
      search("is", function() return err:is {__name = secret[2]} end)
    end
  end)
end)

-- These give the caller's bytes back, or to the peer, or name a host.
local GIVES_BACK = {receive = true}
local LOOKS_UP = {connect = true, setpeername = true, bind = true, setsockname = true}

-- After these the others would only say so.
local ENDS = {close = true, feed = true, send = true, shutdown = true, unwrap = true, write = true}

local function check_methods(make, secret)
  local object = make()
  local names = {}
  for name in pairs(getmetatable(object).__index) do names[#names + 1] = name end
  assert.is_true(#names >= 2)
  for _, name in ipairs(names) do
    for i = 1, LOOKS_UP[name] and secret.word and 0 or 3 do
      local list = {"x", 1, 1}
      list[i] = secret[2]
      local excused = GIVES_BACK[name] and i == 2 or QUOTES[name] and secret.word
      search(("%s in argument %d of %s"):format(secret[1], i, name), function()
        return object[name](object, unpack(list))
      end, nil, excused)
    end
    search(name, function() return tostring(object) end)
    if ENDS[name] then object = make() end
  end
end

describe("an argument of a method", function()
  for _, secret in ipairs(SECRETS) do
    it("is " .. secret[1], function()
      local context = assert(ssl.SSLContext())
      local function opened(end_)
        return function()
          local pair = wire.opened()
          made[#made + 1] = pair
          return pair[end_]
        end
      end
      check_methods(opened "conn", secret)
      check_methods(opened "peer", secret)
      check_methods(function() return keep(context:wrap_socket(keep(socket.tcp()))) end, secret)
      check_methods(function() return context end, secret)
      local pair = wire.opened()
      made[#made + 1] = pair
      local certificate_of_peer = pair.conn:peer_certificate()
      check_methods(function() return certificate_of_peer end, secret)
    end)
  end
end)

-- ---- hooks ----

describe("what a hook returns", function()
  for _, secret in ipairs(SECRETS) do
    it("is " .. secret[1], function()
      local text = secret[2]
      for name, values in pairs {
        on_client_hello = {text, {text}, {[text] = 1}, {certificate = text}, {certificate = {text}},
          {certificate = {cert = text}}, {certificate = {cert = certificate, key = text}},
          {certificate = {cert = read "rsa.crt", key = read "rsa-pkcs8.key", password = text}},
          {certificate = {[text] = text}}, {context = text}, {alpn_protocol = text}},
        on_certificate = {text, {text}, {[text] = 1}, {cert = text}, {cert = certificate, key = text}},
      } do
        for _, value in ipairs(values) do
          local client, server = helpers.pair {server = {[name] = function() return value end}}
          made[#made + 1], made[#made + 2] = client, server
          local excused = secret.word and type(value) == "table" and (value[text] or value.certificate
            and type(value.certificate) == "table" and value.certificate[text])
          search(secret[1] .. " from " .. name, function() return helpers.handshake(client, server) end, value,
            excused)
        end
      end
      local client, server = helpers.pair {client = {on_verify = function() return text end}}
      made[#made + 1], made[#made + 2] = client, server
      search(secret[1] .. " from on_verify", function() return helpers.handshake(client, server) end)
    end)
  end
end)
