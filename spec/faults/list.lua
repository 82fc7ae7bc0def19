--- Faults to plant, one at a time: the specs named have to notice. `from`
-- stands exactly once in `file`; `also` lists edits that belong to the same
-- fault, `{file =, from =, to =}`: where one protection stands behind another,
-- both are taken out.
local list = {}

for _, part in ipairs {
  "connections", "choices", "hooks", "verification", "binding", "sessions", "trust", "secrets", "hostile", "failures",
  "objects", "certificates", "identity", "post_handshake", "facts", "logs", "negotiation", "ocsp", "streams",
  "objects", "certificates", "identity", "post_handshake", "facts", "logs", "negotiation", "streams", "https",
  "objects", "certificates", "identity", "post_handshake", "facts", "logs", "negotiation", "streams",
  "wrap_stream",
  "objects", "certificates", "identity", "post_handshake", "facts", "logs", "negotiation", "streams", "psk",
  "objects", "certificates", "identity", "post_handshake", "facts", "logs", "negotiation", "streams",
  "psk", "early_data",
  "objects", "certificates", "identity", "post_handshake", "facts", "logs", "negotiation", "streams",
  "dane", "luasec",
  "dane", "command",
} do
  for _, fault in ipairs(dofile("spec/faults/" .. part .. ".lua")) do
    fault.part = part
    list[#list + 1] = fault
  end
end

return list
