-- What this LuaSSL can with the OpenSSL that runs.

--- @page ssl
-- @group Versions and features

local find = require "luassl.core".features

local found

-- OpenSSL is asked when a program asks, and once.
local function all()
  found = found or find()
  return found
end

--- What can be relied on, `true` or `false` by name: `ssl.HAS.MLKEM`. A name
-- that is not in this list answers nil. Whatever OpenSSL's version may tell,
-- it depends on how OpenSSL was built, on its providers, and on the headers
-- that LuaSSL was compiled with; so OpenSSL is asked, at the first use. It is a
-- constant: a write raises, and so does the first use without memory. `pairs`
-- goes through it in Lua 5.2 and later.
-- @table HAS
-- @tfield boolean ALPN application protocols: `alpn_protocols`
-- @tfield boolean ASYNC a server's `on_verify` may yield; else it runs inside OpenSSL
-- @tfield boolean CERTIFICATE_COMPRESSION certificates can go compressed (RFC 8879)
-- @tfield boolean MLDSA signatures of ML-DSA: `sigalgs = "mldsa65"` (FIPS 204)
-- @tfield boolean MLKEM key exchange that resists quantum computers: `groups = "X25519MLKEM768"` (FIPS 203)
-- @tfield boolean RAW_PUBLIC_KEYS public keys in place of certificates: `peer_public_keys` (RFC 7250)
-- @tfield boolean SNI server names: `server_hostname`, `server_names`
-- @tfield boolean SSLv2 `PROTOCOL_SSLv2`: false everywhere
-- @tfield boolean SSLv3 `PROTOCOL_SSLv3`: false everywhere
-- @tfield boolean TLSv1 `PROTOCOL_TLSv1`, given ciphers that allow it
-- @tfield boolean TLSv1_1 `PROTOCOL_TLSv1_1`, given ciphers that allow it
-- @tfield boolean TLSv1_2 `PROTOCOL_TLSv1_2`
-- @tfield boolean TLSv1_3 `PROTOCOL_TLSv1_3`
-- @source SSL_CTX_set1_groups_list(3), SSL_CTX_set1_sigalgs_list(3),
-- SSL_CTX_set1_cert_comp_preference(3), SSL_CTX_set1_server_cert_type(3),
-- SSL_CTX_set_min_proto_version(3), ASYNC_is_capable(3)
-- @usage local groups = ssl.HAS.MLKEM and "X25519MLKEM768:X25519" or "X25519"
local HAS = setmetatable({}, {
  __index = function(_, name) return all()[name] end,
  __newindex = function() error("ssl.HAS is a constant", 2) end,
  __pairs = function(self)
    return function(_, name) return next(all(), name) end, self, nil
  end,
  __metatable = false,
})

return HAS
