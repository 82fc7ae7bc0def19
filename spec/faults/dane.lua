--- Faults in DANE: tlsa.c, and where its records count.
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

return list
