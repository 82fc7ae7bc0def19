--- TLSA records of certificates, made by openssl.
local helpers = require "spec.support.helpers"

local tlsa_records = {}

local PARTS = {
  [0] = "openssl x509 -in '%s' -outform DER",
  [1] = "openssl x509 -in '%s' -noout -pubkey | openssl pkey -pubin -outform DER",
}
local MATCHING = {[0] = "cat", [1] = "openssl dgst -sha256 -binary", [2] = "openssl dgst -sha512 -binary"}

local known = {}

--- What a record has as data, as bytes.
-- @tparam string name of a file of the test PKI, `"rsa.crt"`, or a path
-- @tparam integer selector 0 or 1
-- @tparam integer matching type 0, 1 or 2
function tlsa_records.data(name, selector, matching)
  local path = name:find "/" and name or helpers.file(name)
  local command = (PARTS[selector] .. " | %s"):format(path, MATCHING[matching])
  if not known[command] then
    local out = helpers.temp_name()
    local peer = helpers.spawn {"sh", "-c", command .. " >" .. out}
    assert(peer:wait() == 0, peer:output())
    known[command] = helpers.read_file(out)
  end
  return known[command]
end

function tlsa_records.hex(bytes)
  return (bytes:gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

--- The record, its data in bytes.
function tlsa_records.record(name, usage, selector, matching)
  return {usage, selector, matching, tlsa_records.data(name, selector, matching)}
end

return tlsa_records
