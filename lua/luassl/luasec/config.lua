--- What LuaSec's `ssl.config` tells: which words `newcontext` takes.
-- @module luassl.luasec.config

local config = {}

local function set(words)
  local result = {}
  for word in words:gmatch "%S+" do result[word] = true end
  return result
end

config.protocols = set "tlsv1 tlsv1_1 tlsv1_2 tlsv1_3"

-- OpenSSL's SSL_OP_ names, of all its versions.
config.options = set [[
  all allow_client_renegotiation allow_no_dhe_kex allow_unsafe_legacy_renegotiation cipher_server_preference
  cisco_anyconnect cleanse_plaintext cookie_exchange cryptopro_tlsext_bug disable_tlsext_ca_names
  dont_insert_empty_fragments enable_ktls enable_middlebox_compat ephemeral_rsa ignore_unexpected_eof
  legacy_server_connect microsoft_big_sslv3_buffer microsoft_sess_id_bug msie_sslv2_rsa_padding netscape_ca_dn_bug
  netscape_challenge_bug netscape_demo_cipher_change_bug netscape_reuse_cipher_change_bug no_anti_replay no_compression
  no_dtls_mask no_dtlsv1 no_dtlsv1_2 no_encrypt_then_mac no_extended_master_secret no_query_mtu no_renegotiation
  no_session_resumption_on_renegotiation no_ssl_mask no_sslv2 no_sslv3 no_ticket no_tlsv1 no_tlsv1_1 no_tlsv1_2
  no_tlsv1_3 pkcs1_check_1 pkcs1_check_2 prioritize_chacha safari_ecdhe_ecdsa_bug single_dh_use single_ecdh_use
  ssleay_080_client_dh_bug sslref2_reuse_cert_type_bug tls_block_padding_bug tls_d5_bug tls_rollback_bug
  tlsext_padding
]]

-- The curves that TLS has a number for.
config.curves = set [[
  P-256 P-384 P-521 X25519 X448 prime256v1 secp384r1 secp521r1 secp256k1 secp224r1 secp224k1 prime192v1 secp192k1
  brainpoolP256r1 brainpoolP384r1 brainpoolP512r1
]]

config.algorithms = { ec = true }

config.capabilities = {
  alpn = true, curves_list = true, dane = { no_ee_namechecks = true }, ecdh_auto = true, psk = false,
}

return config
