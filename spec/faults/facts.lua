--- Faults in what a connection tells of itself: channel_binding.c, negotiated.c.
local list = {}

local function fault(name, from, to, specs, file)
  list[#list + 1] = {
    name = name, file = "src/connection/" .. (file or "channel_binding.c"), from = from, to = to,
    specs = specs or "facts",
  }
end

fault("tls-unique is always the client's Finished",
  "find_finished(c, resumed == c->options.server_side, b);",
  "find_finished(c, resumed * 0 == c->options.server_side, b);")
fault("tls-unique where an attacker can have it twice", "if (!resumed || c->extended_master)", "", "facts_peers")
fault("tls-exporter where an attacker can have it twice", " && !c->extended_master) return 1;", " && 0) return 1;",
  "facts_peers")
fault("tls-exporter without a context", [[
                                 (const unsigned char *)"", 0, 1) != 1)]], [[
                                 NULL, 0, 0) != 1)]], "facts_peers")
fault("an empty context counts as none", "context_size, context != NULL);", "context_size, context_size > 0);")
fault("the hash of a certificate is SHA-256, whatever signed it", "  md = EVP_get_digestbynid(nid);",
  "  md = EVP_sha256();")
fault("a certificate is hashed by SHA-1", "nid == NID_md5 || nid == NID_sha1 || nid", "nid == NID_md5 || nid")
fault("a certificate that no hash has signed is hashed", "      || nid == NID_undef) return 1;",
  "      || 0) return 1;\n  if (nid == NID_undef) nid = NID_sha256;")
fault("a resumed server hashes its certificate of now", "  if (!SSL_session_reused(c->ssl))\n    return hash",
  "  if (c->ssl != NULL)\n    return hash")
fault("sessions without tickets do not remember the certificate",
  "  limit(c);\n  remember(c, c->ssl, 0);\n}\n\nvoid tickets_renew", "  limit(c);\n}\n\nvoid tickets_renew",
  "facts_peers", "tickets.c")
fault("tickets of TLS 1.2 do not remember the certificate",
  "  remember(SSL_get_app_data(ssl), ssl, 0);\n", "  (void)ssl;\n", nil, "tickets.c")
fault("TLS 1.3 has a Finished", "  if (SSL_version(c->ssl) >= TLS1_3_VERSION) return;\n", "")
fault("bindings are told before the handshake", "  if (c->established) return 0;", "  if (c->ssl != NULL) return 0;")
fault("a signature is told where nothing was signed",
  "  if (own == c->options.server_side && !server_signed(c)) return NULL;\n", "  (void)server_signed;\n", nil,
  "negotiated.c")
fault("ciphers of other versions are shared", "      continue;\n    push_cipher", "    {}\n    push_cipher", nil,
  "negotiated.c")

return list
