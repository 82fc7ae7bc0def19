-- Files and strings that hold a certificate or key in a form that OpenSSL does
-- not read: what a user is told of each, and that the commands in the texts
-- convert it.
local complaint = require "spec.support.complaint_checks"
local helpers = require "spec.support.helpers"
local ssl = require "luassl"

helpers.audit()

local expect_error = complaint.expect
local file = helpers.file

local function read(name)
  return helpers.read_file(file(name))
end

local certificate, key = read "rsa.crt", read "rsa.key"

-- Each option of a context that takes PEM, with what it holds.
local USES = {
  {"ca_certs", certificate, function(path) return {ca_certs = path} end},
  {"ca_data", certificate, function(_, text) return {ca_data = text} end},
  {"certfile", certificate, function(path) return {certfile = path, keyfile = file "rsa.key"} end},
  {"certfile", key .. certificate, function(path) return {certfile = path} end},
  {"certfile", certificate .. key, function(path) return {certfile = path} end},
  {"cert", key .. certificate, function(_, text) return {cert = text} end},
  {"keyfile", key, function(path) return {certfile = file "rsa.crt", keyfile = path} end},
  {"key", key, function(_, text) return {cert = certificate, key = text} end},
}

-- Each use is refused when what it holds was changed, with these words and no
-- line of it.
local function refused(change, ...)
  for _, use in ipairs(USES) do
    local text = change(use[2])
    local path = helpers.temp_file(text)
    assert(ssl.SSLContext(use[3](helpers.temp_file(use[2]), use[2])))
    local options = use[3](path, text)
    local words = {use[1] .. ": ", ...}
    local named = options[use[1]] == path
    if named then words[#words + 1] = path end
    local err = expect_error({kind = "pem", file = named and path or nil, words = words}, ssl.SSLContext(options))
    for line in key:gmatch "[%w+/]+" do
      if #line > 20 then assert.is_nil(err:find(line, 1, true)) end
    end
  end
end

local function accepted(change)
  for _, use in ipairs(USES) do
    local text = change(use[2])
    assert(ssl.SSLContext(use[3](helpers.temp_file(text), text)))
  end
end

describe("PEM", function()
  it("with CR alone at the end of its lines says so", function()
    refused(function(text) return (text:gsub("\n", "\r")) end, "lines end in CR alone; end them with LF or CRLF")
  end)

  it("in a single line says so", function()
    refused(function(text) return (text:gsub("\n", "")) end, "it is all in one line; -----BEGIN")
    refused(function(text) return (text:gsub("\n", " ")) end, "it is all in one line; -----BEGIN")
  end)

  it("with the characters \\n for line ends says so", function()
    refused(function(text) return (text:gsub("\n", "\\n")) end, "the two characters \\n,", "real line ends")
    refused(function(text) return (text:gsub("\n", "\\r\\n")) end, "the two characters \\n,", "real line ends")
  end)

  it("with an empty line in its base64 says so", function()
    for _, blank in ipairs {"\n\n", "\r\n\r\n", "\n \n"} do
      refused(function(text)
        local count = 0
        return (text:gsub("\n", function()
          count = count + 1
          return count == 4 and blank or nil
        end))
      end, "an empty line in its base64; remove it")
    end
  end)

  it("without its end says so", function()
    refused(function(text)
      return (text:gsub("%-%-%-%-%-END[^\n]+\n", ""))
    end, "its -----END line is missing; it was cut short")
  end)

  it("with another end says so", function()
    refused(function(text)
      return (text:gsub("END ", "END OTHER "))
    end, "its -----BEGIN and -----END lines do not have the same name")
  end)

  it("with more in its last line says so", function()
    refused(function(text)
      return (text:gsub("(END[^\n]+)", "%1 of the file"))
    end, "something follows in its -----END line")
  end)

  it("in UTF-16 says so, with the command that converts it", function()
    local function little(text) return (text:gsub(".", "%0\0")) end
    local function big(text) return (text:gsub(".", "\0%0")) end
    refused(little, "UTF-16", "iconv -f UTF-16LE -t UTF-8")
    refused(big, "UTF-16", "iconv -f UTF-16BE -t UTF-8")
    refused(function(text) return "\255\254" .. little(text) end, "UTF-16", "iconv -f UTF-16 -t UTF-8")
    refused(function(text) return "\254\255" .. big(text) end, "UTF-16", "iconv -f UTF-16 -t UTF-8")
  end)

  it("with other hyphens says which are wanted", function()
    refused(function(text) return (text:gsub("%-%-%-%-%-", "----")) end, "it is not PEM", "five hyphens")
    refused(function(text) return (text:gsub("%-%-%-%-%-", "\226\128\148")) end, "it is not PEM", "five hyphens")
  end)

  it("without its first and last line says so", function()
    refused(function(text) return (text:gsub("%-%-%-%-%-[^\n]+\n", "")) end, "base64 alone", "-----BEGIN ...")
  end)

  it("may have CRLF, blanks behind its lines, a mark of UTF-8, long lines", function()
    accepted(function(text) return (text:gsub("\n", "\r\n")) end)
    accepted(function(text) return (text:gsub("\n", " \t\n")) end)
    accepted(function(text) return "\239\187\191" .. text end)
    accepted(function(text) return (text:gsub("([%w+/=])\n([%w+/=])", "%1%2")) end)
    accepted(function(text) return (text:gsub("(BEGIN[^\n]+\n)", "%1\n")) end)
  end)

  it("that is encrypted may have its header lines", function()
    assert(ssl.SSLContext {certfile = file "rsa.crt", keyfile = file "rsa-traditional.key", password = "secret"})
    local text = read "rsa-traditional.key":gsub("\n", "\r")
    expect_error({kind = "pem", words = {"CR alone"}},
      ssl.SSLContext {cert = certificate, key = text, password = "secret"})
  end)
end)

describe("files joined without a line end between", function()
  local function joined(...)
    local parts = {}
    for i, name in ipairs {...} do parts[i] = read(name):gsub("\n$", "") end
    return helpers.temp_file(table.concat(parts))
  end

  local WORDS = {"a line end is missing between an -----END line and the -----BEGIN that follows"}

  it("say so", function()
    for _, options in ipairs {
      {ca_certs = joined("root.crt", "other-root.crt")},
      {ca_certs = joined("root.crt", "other-root.crt", "intermediate.crt")},
      {certfile = joined("chained.crt", "intermediate.crt"), keyfile = file "chained.key"},
      {certfile = joined("rsa.key", "rsa.crt")},
      {certfile = joined("rsa.crt", "rsa.key")},
    } do
      expect_error({kind = "pem", file = options.certfile or options.ca_certs, words = WORDS},
        ssl.SSLContext(options))
    end
  end)
end)

describe("a file with several private keys", function()
  it("beside certificates is refused: which one is meant nobody knows", function()
    for _, parts in ipairs {
      {"rsa.key", "rsa.crt", "ecdsa.key", "ecdsa.crt"},
      {"rsa.crt", "rsa.key", "ecdsa.crt", "ecdsa.key"},
      {"rsa.key", "rsa.crt", "rsa.key", "rsa.crt"},
      {"rsa.crt", "ecdsa.key", "rsa.key"},
      {"rsa.crt", "rsa-pkcs8.key", "rsa-traditional.key"},
    } do
      for i, name in ipairs(parts) do parts[i] = read(name) end
      local text = table.concat(parts)
      local path = helpers.temp_file(text)
      expect_error({kind = "pem", file = path,
        words = {"certfile", path .. " has 2 private keys", "a file of its own"}}, ssl.SSLContext {certfile = path})
      expect_error({kind = "pem", words = {"cert: it has 2 private keys", "a string of its own"}},
        ssl.SSLContext {cert = text})
    end
  end)

  it("that are nowhere wanted is none of our business", function()
    local text = key .. certificate .. read "ecdsa.key"
    assert(ssl.SSLContext {ca_data = text})
    assert(ssl.SSLContext {cert = text, key = key})
  end)
end)

describe("an empty name", function()
  it("says so of each option", function()
    local options = {certfile = "", ca_certs = "", ca_path = "", keyfile = ""}
    for name in pairs(options) do
      local given = {[name] = "", certfile = name == "keyfile" and file "rsa.pem" or nil}
      if name == "certfile" then given.certfile = "" end
      expect_error({kind = "file", file = "", words = {name .. ": ", "name is empty", "leave the option out"}},
        ssl.SSLContext(given))
    end
  end)
end)

describe("a file's name where PEM belongs", function()
  it("says which option takes names", function()
    for option, other in pairs {cert = "certfile", key = "keyfile", ca_data = "ca_certs"} do
      for _, name in ipairs {"server.pem", "/etc/ssl/private/server.key", file "rsa.pem"} do
        local options = {[option] = name}
        if option == "key" then options.cert = certificate end
        local err = expect_error({kind = "pem", words = {option .. ": it is neither DER nor PEM: a file's name goes "
          .. "in option " .. other}}, ssl.SSLContext(options))
        assert.is_nil(err:find(name, 1, true))  -- it may be a secret all the same
      end
    end
  end)
end)

describe("another format", function()
  local function run(command)
    local peer = helpers.spawn {"sh", "-c", command}
    assert.equal(0, peer:wait(), peer:output())
  end

  -- Runs the command that the text has in quotes; the file it makes.
  local function convert(err, path)
    run((tostring(err):match '"(.+)" converts'))
    return path .. ".pem"
  end

  local WANTED = {
    certfile = function(path) return {certfile = path, keyfile = file "rsa.key"} end,
    ca_certs = function(path) return {ca_certs = path} end,
    keyfile = function(path) return {certfile = file "rsa.crt", keyfile = path} end,
  }

  local function converts(path, options, words)
    for _, name in ipairs(options) do
      words[#words + 1] = name .. ": " .. path
      local err = expect_error({kind = "pem", file = path, words = words}, ssl.SSLContext(WANTED[name](path)))
      words[#words] = nil
      assert(ssl.SSLContext(WANTED[name](convert(err, path))))
    end
  end

  it("that is UTF-16", function()
    local path = helpers.temp_name()
    for _, order in ipairs {"UTF-16", "UTF-16LE", "UTF-16BE"} do
      run(("iconv -f UTF-8 -t %s %s >%s"):format(order, file "rsa.crt", path))
      converts(path, {"certfile", "ca_certs"}, {"is text in UTF-16"})
      run(("iconv -f UTF-8 -t %s %s >%s"):format(order, file "rsa.key", path))
      converts(path, {"keyfile"}, {"is text in UTF-16"})
    end
  end)

  it("that is PKCS#7", function()
    local path = helpers.temp_name()
    local make = "openssl crl2pkcs7 -nocrl -certfile %s -out %s -outform %s"
    run(make:format(file "rsa.crt", path, "PEM"))
    converts(path, {"certfile", "ca_certs"}, {"is PKCS#7", "openssl pkcs7 -print_certs"})
    expect_error({kind = "pem", file = path, words = {"no private key", "but a PKCS7"}},
      ssl.SSLContext(WANTED.keyfile(path)))
    expect_error({kind = "pem", words = {'cert: it is PKCS#7', '"openssl pkcs7 -print_certs" converts it'}},
      ssl.SSLContext {cert = helpers.read_file(path)})
    run(make:format(file "rsa.crt", path, "DER"))
    converts(path, {"certfile", "ca_certs"}, {"is PKCS#7", "openssl pkcs7 -inform DER -print_certs"})
  end)

  it("that is OpenSSH's", function()
    local path = helpers.temp_name()
    local words = {"OpenSSH's own format", "ssh-keygen -p -m PKCS8"}
    local made = helpers.spawn {"ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", path}
    if made:wait() ~= 0 then  -- this system has none: what matters is the label
      local handle = assert(io.open(path, "w"))
      handle:write("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n",
        "-----END OPENSSH PRIVATE KEY-----\n")
      handle:close()
    end
    local err = expect_error({kind = "pem", file = path, words = words}, ssl.SSLContext(WANTED.keyfile(path)))
    expect_error({kind = "pem", words = words},
      ssl.SSLContext {cert = certificate, key = helpers.read_file(path)})
    expect_error({kind = "pem", file = path, words = {"no certificate in", "but an OPENSSH PRIVATE KEY"}},
      ssl.SSLContext(WANTED.certfile(path)))
    if made:wait() ~= 0 then return end
    local command = tostring(err):match '"(.+)" converts':gsub("%-p ", "-p -N '' ")
    run(command)
    expect_error({kind = "key_mismatch", file = path .. ".pem", words = {"does not belong"}},
      ssl.SSLContext(WANTED.keyfile(path .. ".pem")))  -- it is read
    path = path .. ".pub"
    expect_error({kind = "pem", file = path, words = {"a public key of OpenSSH's"}},
      ssl.SSLContext(WANTED.keyfile(path)))
  end)

  it("that is PuTTY's", function()
    local path = helpers.temp_file "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n"
    expect_error({kind = "pem", file = path, words = {"PuTTY's format", "puttygen"}},
      ssl.SSLContext(WANTED.keyfile(path)))
  end)
end)

describe("PEM_cert_to_DER_cert", function()
  it("says the same of a string", function()
    expect_error({kind = "pem", words = {"the two characters \\n"}},
      ssl.PEM_cert_to_DER_cert((certificate:gsub("\n", "\\n"))))
    for _, unit in ipairs {"%0\0", "\0%0"} do
      expect_error({kind = "pem", words = {"UTF-16"}}, ssl.PEM_cert_to_DER_cert((certificate:gsub(".", unit))))
    end
  end)
end)
