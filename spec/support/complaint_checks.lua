-- What must be in every error that a user meets: fields, class, words; and
-- what must be in none, secrets.
local errors = require "luassl.errors"
local helpers = require "spec.support.helpers"
local ssl = require "luassl"
local assert = require "luassert"

local complaint = {
  right = "secret",  -- the passphrase of the keys in spec/support/pki.sh
  wrong = "an unlikely passphrase, and wrong",
}

local file = helpers.file

local KEYS = {"rsa.key", "rsa-pkcs8.key", "rsa-traditional.key", "ecdsa.key",
  "client.key", "ed25519.key"}
local key_lines

-- The lines of base64 in the private keys that this file hands out.
local function private_lines()
  if key_lines then return key_lines end
  key_lines = {}
  for _, name in ipairs(KEYS) do
    local count = #key_lines
    for line in helpers.read_file(file(name)):gmatch "[%w+/=]+" do
      if #line >= 40 then key_lines[#key_lines + 1] = line end
    end
    assert(#key_lines > count, name)
  end
  return key_lines
end

-- All that an error says, whichever way somebody prints it.
function complaint.everything(err)
  local parts = {tostring(err)}
  for name, value in pairs(err) do
    for _, one in ipairs(type(value) == "table" and value or {value}) do
      parts[#parts + 1] = name .. "=" .. tostring(one)
    end
  end
  return table.concat(parts, "\n")
end

local function tells_no_secret(err)
  local said = complaint.everything(err)
  for _, line in ipairs(private_lines()) do
    assert.is_nil(said:find(line, 1, true), "key material in: " .. said)
  end
  assert.is_nil(said:find(complaint.wrong, 1, true),
    "a passphrase in: " .. said)
  assert.is_nil(said:find("[^%w]" .. complaint.right .. "[^%w]"),
    "a passphrase in: " .. said)
end

local FIELDS = {"kind", "file", "verify_code", "alert", "alert_direction",
  "accepted"}

-- An error has exactly these fields of FIELDS, this class ("SSLError"), and
-- all these `words`, plain text.
function complaint.expect(expected, result, err)
  assert.is_nil(result)
  assert.is_table(err, "not an SSLError: " .. tostring(err))
  local said = complaint.everything(err)
  assert.is_string(err.operation, said)
  assert.truthy(errors.kinds[err.kind], "not documented: " .. said)
  for _, name in ipairs(FIELDS) do
    assert(expected[name] == err[name], ("%s is %s, not %s, in: %s"):format(
      name, tostring(err[name]), tostring(expected[name]), said))
  end
  assert(getmetatable(err) == ssl[expected.class or "SSLError"],
    "another class: " .. said)
  for _, word in ipairs(expected.words) do
    assert(tostring(err):find(word, 1, true),
      ("no %q in: %s"):format(word, tostring(err)))
  end
  tells_no_secret(err)
  return err
end

return complaint
