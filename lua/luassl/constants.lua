--- The reference's constants.
-- `CERT_NONE`, `CERT_OPTIONAL`, `CERT_REQUIRED`: what is asked of the peer's
-- certificate. `PROTOCOL_SSLv23` and `PROTOCOL_TLS`: whatever OpenSSL speaks;
-- `PROTOCOL_TLSv1`, `PROTOCOL_TLSv1_1`, `PROTOCOL_TLSv1_2`,
-- `PROTOCOL_TLSv1_3`: exactly that version. `PROTOCOL_SSLv2` and
-- `PROTOCOL_SSLv3` are names only: no supported OpenSSL speaks them.
-- @module luassl.constants
-- @source Python 2.6 and later, ssl: the same numbers

return {
  CERT_NONE = 0,
  CERT_OPTIONAL = 1,
  CERT_REQUIRED = 2,

  PROTOCOL_SSLv2 = 0,
  PROTOCOL_SSLv3 = 1,
  PROTOCOL_SSLv23 = 2,
  PROTOCOL_TLS = 2,
  PROTOCOL_TLSv1 = 3,
  PROTOCOL_TLSv1_1 = 4,
  PROTOCOL_TLSv1_2 = 5,
  PROTOCOL_TLSv1_3 = 6,
}
