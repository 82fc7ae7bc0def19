--- Faults in what is made of OCSP responses: ocsp_judgement.c, ocsp_signer.c,
-- ocsp_status.c, ocsp_staple.c, and the end of sessions.
return {
  {
    name = "who signed an OCSP response is not looked at",
    file = "src/x509/ocsp_judgement.c",
    from = [[
  return fault != OCSP_GOOD ? fault : found;]],
    to = [[
  return fault == OCSP_FAULT_MEMORY ? fault : found;]],
    specs = "ocsp",
  },
  {
    name = "a signature under the issuer's name is good",
    file = "src/x509/ocsp_signer.c",
    from = [[
    if (is_signed_by(basic, about->issuer)) return OCSP_GOOD;]],
    to = [[
    return OCSP_GOOD;]],
    specs = "ocsp",
  },
  {
    name = "whoever the issuer has signed may sign responses",
    file = "src/x509/ocsp_signer.c",
    from = [[
         && X509_get_extended_key_usage(x509) & XKU_OCSP_SIGN]],
    to = [[
         && X509_get_extended_key_usage(x509) != 0]],
    specs = "ocsp",
  },
  {
    name = "a responder of another authority will do",
    file = "src/x509/ocsp_signer.c",
    from = [[
  if (!ocsp_signer_has_signed(about->issuer, x509)) return OCSP_FAULT_STRANGER;]],
    to = "",
    also = {{file = "src/x509/ocsp_signer.c", from = [[
  return is_valid(x509, about) ? OCSP_GOOD : OCSP_FAULT_DELEGATE;]], to = [[
  (void)is_valid;
  return OCSP_GOOD;]]}},
    specs = "ocsp",
  },
  {
    name = "a responder's certificate may be out of date",
    file = "src/x509/ocsp_signer.c",
    from = [[
  return is_valid(x509, about) ? OCSP_GOOD : OCSP_FAULT_DELEGATE;]],
    to = [[
  (void)is_valid;
  return OCSP_GOOD;]],
    specs = "ocsp",
  },
  {
    name = "a certificate vouches for itself",
    file = "src/x509/ocsp_signer.c",
    from = [[
         && X509_cmp(x509, about->leaf) != 0;]],
    to = [[
         && x509 != NULL && about->leaf != NULL;]],
    specs = "ocsp_sessions",
  },
  {
    name = "how strong the signature is does not matter",
    file = "src/x509/ocsp_signer.c",
    from = [[
  if (!is_strong(basic, about->level)) return OCSP_FAULT_WEAK;]],
    to = [[
  (void)is_strong;]],
    specs = "ocsp",
  },
  {
    name = "the number alone tells a certificate",
    file = "src/x509/ocsp_response.c",
    from = [[
  same = own != NULL && OCSP_id_cmp(own, id) == 0;]],
    to = [[
  same = own != NULL;]],
    specs = "ocsp",
  },
  {
    name = "dates do not matter",
    file = "src/x509/ocsp_judgement.c",
    from = [[
  if (about->timeless) return OCSP_GOOD;]],
    to = [[
  if (about->timeless || now > 0) return OCSP_GOOD;]],
    specs = "ocsp",
  },
  {
    name = "a response without an end is good for ever",
    file = "src/x509/ocsp_response.c",
    from = [[
: facts->this_update + OCSP_DAY;]],
    to = [[
: facts->this_update + 1000 * OCSP_DAY;]],
    specs = "ocsp",
  },
  {
    name = "the first of several answers counts",
    file = "src/x509/ocsp_judgement.c",
    from = [[
    if (fault != OCSP_FAULT_OTHER && rank(one) <= rank(fault)) continue;]],
    to = [[
    if (fault != OCSP_FAULT_OTHER && rank(one) > 0) continue;]],
    specs = "ocsp",
  },
  {
    name = "who does not know a certificate speaks for it",
    file = "src/x509/ocsp_judgement.c",
    from = [[
  return f->status == V_OCSP_CERTSTATUS_GOOD ? OCSP_GOOD : OCSP_FAULT_UNKNOWN;]],
    to = [[
  return OCSP_GOOD;]],
    specs = "ocsp",
  },
  {
    name = "a critical extension is passed over",
    file = "src/x509/ocsp_judgement.c",
    from = [[
    one = is_critical(single) ? OCSP_FAULT_CRITICAL : weigh(&these, about);]],
    to = [[
    one = is_critical(single) < 0 ? OCSP_FAULT_CRITICAL : weigh(&these, about);]],
    specs = "ocsp",
  },
  {
    name = "a critical extension of the whole is passed over",
    file = "src/x509/ocsp_judgement.c",
    from = [[
  if (OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 0)]],
    to = [[
  if (OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 1000)]],
    specs = "ocsp",
  },
  {
    name = "bytes behind a response are passed over",
    file = "src/x509/ocsp_response.c",
    from = [[
  if (response != NULL && p == der + size) return response;]],
    to = [[
  if (response != NULL) return response;]],
    specs = "ocsp",
  },
  {
    name = "must-staple is not looked at",
    file = "src/connection/ocsp_status.c",
    from = [[
      return c->policy->ocsp != STAPLE_REQUIRED && !status->demanded;]],
    to = [[
      return c->policy->ocsp != STAPLE_REQUIRED;]],
    specs = "ocsp",
  },
  {
    name = "what an authority demands for its certificates is not looked at",
    file = "src/x509/ocsp_judgement.c",
    from = [[
  for (i = 1; !found && i < sk_X509_num(chain) - 1; i++)]],
    to = [[
  for (i = 1; !found && i < 0; i++)]],
    specs = "ocsp_sessions",
  },
  {
    name = "a demand that cannot be read is none",
    file = "src/x509/ocsp_judgement.c",
    from = [[
  if (list == NULL) return critical != -1;]],
    to = [[
  if (list == NULL) return 0;]],
    specs = "ocsp_sessions",
  },
  {
    name = "a response that is needed may be missing",
    file = "src/connection/ocsp_status.c",
    from = [[
      return c->policy->ocsp != STAPLE_REQUIRED && !status->demanded;]],
    to = [[
      return !status->demanded;]],
    also = {{file = "src/connection/ocsp_status.c", from = [[
  return c->ocsp != NULL && c->ocsp->fault == OCSP_GOOD;]], to = [[
  return 1;]]}},
    specs = "ocsp",
  },
  {
    name = "a session outlives its response",
    file = "src/context/session.c",
    from = [[
  return s->until != 0 && s->until <= (double)now;]],
    to = [[
  return s->until < 0 && s->until <= (double)now;]],
    specs = "ocsp_sessions",
  },
  {
    name = "a response that has run out is shown",
    file = "src/context/ocsp_staple.c",
    from = [[
         && (double)now < ocsp_response_ends(f);]],
    to = [[
         && (double)now > 0;]],
    specs = "ocsp_response",
  },
  {
    name = "a server loads whatever response it is given",
    file = "src/context/ocsp_staple.c",
    from = [[
    default: return 0;
  }
}

/* The response about]],
    to = [[
    default: return 1;
  }
}

/* The response about]],
    specs = "ocsp_response",
  },
}
