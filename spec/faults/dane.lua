--- Faults in DANE and public keys without certificates: tlsa.c, raw_key.c, and where their answers count.
local list = {}

local function fault(name, file, from, to, specs, also)
  list[#list + 1] = { name = name, file = file, from = from, to = to, specs = specs or "dane", also = also }
end

fault("without a usable TLSA record others are trusted", "src/context/tlsa.c", [[
  return usable > 0 ? 0 : fail_unusable(L, tlsa);]], [[
  return usable >= 0 ? 0 : fail_unusable(L, tlsa);]])
fault("TLSA records are not given to OpenSSL", "src/context/tlsa.c", [[
    if (tlsa->records[i].usable && add(ssl, &tlsa->records[i]) <= 0) return 0;
]], "")
fault("cert_reqs switches TLSA records off", "src/connection/verify.c", [[
  if (c->tlsa != NULL) return CERT_REQUIRED;
]], "")
fault("OpenSSL verifies nothing by TLSA records under CERT_NONE", "src/connection/verify.c", [[
  SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
  return tlsa_apply]], [[
  return tlsa_apply]])
fault("records of usage 3 do not switch the check of names off", "src/context/tlsa.c", [[
  if (!names) SSL_dane_set_flags]], [[
  if (names > 1) SSL_dane_set_flags]])
fault("tlsa_check_hostname does not switch it on", "src/context/tlsa.c", [[
  if (!names) SSL_dane_set_flags]], [[
  SSL_dane_set_flags]])
fault("TLSA records ask for no name", "src/connection/connection.c", [[
    c->options.check_hostname = 1;
  if (c->options.tlsa]], [[
    c->options.check_hostname = 0;
  if (c->options.tlsa]])
fault("every TLSA record goes without a name", "src/context/tlsa.c", [[
        && tlsa->records[i].usage != DANE_EE) return 0;]], [[
        && tlsa->records[i].usage > DANE_EE) return 0;]])
fault("any TLSA record is taken for the server's own key", "src/x509/judgement.c", [[
         && usage == DANE_EE;]], [[
         && usage <= DANE_EE;]])
fault("sessions are not bound to TLSA records", "src/connection/resumption.c", [[
             && (c->tlsa == NULL || tlsa_digest(c->tlsa, bytes + RECORDS))
]], "")
fault("sessions are not bound to tlsa_check_hostname", "src/connection/resumption.c", [[
  bytes[sizeof(bytes) - 5] = (unsigned char)c->options.tlsa_check_hostname;
]], "")
fault("the order of TLSA records counts", "src/context/tlsa.c", [[
    qsort(digests, n, DIGEST_SIZE, compare);
]], "")
fault("a session is resumed without a look at TLSA records", "src/connection/verify.c", [[
  if (c->policy->revocation || c->tlsa != NULL) note_anew]], [[
  if (c->policy->revocation) note_anew]])
fault("a session is judged without the TLSA records", "src/connection/rejudgement.c", [[
  if (c->tlsa != NULL) X509_STORE_CTX_set0_dane(store, SSL_get0_dane(ssl));
]], "")
fault("verify judges without the TLSA records", "src/context/chain_verification.c", [[
  if (t->records != NULL)
    X509_STORE_CTX_set0_dane(t->ctx, SSL_get0_dane(t->records));
]], "")
fault("what matched is told of a verdict that was bad", "src/connection/chains.c", [[
v->known && v->code == X509_V_OK)
    depth]], [[
v->known)
    depth]], "dane", {
    { file = "src/connection/chains.c", from = [[
    depth = SSL_get0_dane_tlsa]], to = [[
    SSL_set_verify_result(c->ssl, X509_V_OK), usage = 0,
    depth = 0 * SSL_get0_dane_tlsa]] },
  })
fault("digits of a digest's length are decoded", "src/context/tlsa.c", [[
size == digest_size(r->matching) ? 0
                                                   : count_digits]], [[
size == 0 ? 0
                                                   : count_digits]])

-- Where OpenSSL has public keys without certificates.
if require "luassl".HAS.RAW_PUBLIC_KEYS then
  fault("any public key without a certificate is good", "src/connection/raw_key.c", [[
certificate_types_match(c->policy->keys, key);]], [[
key != NULL;]], "raw_public_keys")
  fault("peer_public_keys stands in for TLSA records", "src/connection/raw_key.c", [[
  j.listed = c->tlsa == NULL && cert]], [[
  j.listed = cert]], "raw_public_keys", {
    { file = "src/connection/raw_key.c", from = [[
  if (code == COMPAT_KEY_UNKNOWN && j->listed)]], to = [[
  if (j->listed)]] },
  })
  fault("a refused public key does not end the handshake, as in OpenSSL 3.2.0", "src/connection/verify.c", [[
  if (accepts(c)) return 1;]], [[
  if (accepts(c) || v->key != NULL) return 1;]], "raw_public_keys", {
    { file = "src/connection/verify.c", from = [[
  return v->known && v->code == X509_V_OK
         && SSL_get_verify_result(c->ssl) == X509_V_OK]], to = [[
  return v->known && (v->key != NULL || v->code == X509_V_OK)]] },
  })
  fault("a certificate will do where a public key is wanted", "src/connection/verify.c", [[
    if (!c->policy->takes_certificates) good = refuse_type(v, store);
]], "", "raw_public_keys")
  fault("pins say nothing of public keys", "src/connection/verify.c", [[
  if (v->key != NULL) return pins_match_key(c->policy->pins, v->key);
]], [[
  if (v->key != NULL) return 1;
]], "raw_public_keys")
  fault("a session's public key is not judged again", "src/connection/verify.c", [[
  raw_key_judge_again(c, key, &v->faults);
]], "", "raw_public_keys")
  fault("a public key without a certificate fits any name", "src/connection/raw_key.c", [[
    judgement_note(faults, X509_V_ERR_HOSTNAME_MISMATCH, 0);]], [[
    (void)faults;]], "raw_public_keys")
  fault("peer_public_keys demands nothing", "src/context/certificate_types.c", [[
  lua_pushinteger(L, CERT_REQUIRED);]], [[
  lua_pushinteger(L, CERT_NONE);]], "raw_public_keys")
  fault("the certificate is told where its key alone was shown", "src/connection/chains.c", [[
compat_is_key(c->ssl, c->options.server_side)
]], [[
compat_is_key(c->ssl, c->options.server_side) > 1
]], "raw_public_keys")
end

return list
