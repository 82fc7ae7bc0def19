-- Some allocations of whole lives fail, of Lua's and of OpenSSL's; `make oom`
-- has all of Lua's. A host of its own chooses the allocators: Lua 5.4's only.
local helpers = require "spec.support.helpers"

helpers.audit()

local PATIENCE = 300  -- a sanitizer is slow
local STEPS = {object = 1, load = 23, luasec = 41, luasec_keeps_out = 61}  -- of Lua's allocations; others: 3
local OPENSSL_STEPS = {authorities = 1}  -- of OpenSSL's; others: 499
local AT_ONCE = 13  -- lives
local SPARSE = tonumber(os.getenv "LUASSL_SPARSE") or 1  -- of these, one in so many
local host = os.getenv "LUASSL_BUILD" .. "/oom"
local built = io.open(host)
if built then built:close() end

local LIVES = {
  "abandoned_hooks",
  "accepted",
  "authorities",
  "certificate",
  "connect",
  "contexts",
  "dane",
  "dane_keeps_out",
  "early",
  "features",
  "hooks",
  "hooks_keep_out",
  "identity",
  "load",
  "logs",
  "luasec",
  "luasec_keeps_out",
  "names",
  "names_keep_out",
  "negotiation",
  "object",
  "ocsp",
  "pins",
  "post_handshake",
  "post_handshake_keeps_out",
  "psk",
  "raw_keys",
  "raw_keys_keep_out",
  "refused_object",
  "refused_socket",
  "sessions",
  "sessions_1_2",
  "socket",
  "store",
  "system_trust",
  "tickets",
  "truncated_object",
  "trust",
  "unwrap",
  "verify",
}

-- The lives by their steps, some at once: each sweep begins by living all.
local groups, last = {}, {}
for _, life in ipairs(built and LIVES or {}) do
  local steps = (STEPS[life] or 3) * SPARSE .. " " .. (OPENSSL_STEPS[life] or 499) * SPARSE
  local group = last[steps]
  if not group or #group == AT_ONCE then
    group = {steps = steps}
    last[steps], groups[#groups + 1] = group, group
  end
  group[#group + 1] = life
end

describe("without memory for one allocation", function()
  for _, group in ipairs(groups) do
    local lives = table.concat(group, ",")
    it("nothing leaks, hangs or goes wrong: " .. lives, function()
      local of_lua, of_openssl = group.steps:match "(%d+) (%d+)"
      local sweep = helpers.spawn({host, "spec/support/oom.lua", of_lua, of_openssl, lives}, {timeout = PATIENCE})
      local status = sweep:wait(PATIENCE)
      assert(status == 0, sweep:output())
      local _, swept = sweep:output():gsub("OpenSSL's: %d+ lives\n", "")
      assert.equal(#group, swept)
    end)
  end
end)
