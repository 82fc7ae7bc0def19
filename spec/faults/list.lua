--- Faults to plant, one at a time: the specs named have to notice. `from`
-- stands exactly once in `file`; `also` lists edits that belong to the same
-- fault, `{file =, from =, to =}`: where one protection stands behind another,
-- both are taken out.
local list = {}

for _, part in ipairs {
  "binding", "certificates", "choices", "command", "connections", "dane", "early_data", "facts", "failures", "hooks",
  "hostile", "https", "identity", "logs", "luasec", "negotiation", "objects", "ocsp", "post_handshake", "psk",
  "secrets", "sessions", "streams", "trust", "verification", "wrap_stream",
} do
  for _, fault in ipairs(dofile("spec/faults/" .. part .. ".lua")) do
    fault.part = part
    list[#list + 1] = fault
  end
end

return list
