-- The reference's constants: Python's numbers.

--- @page ssl
-- @group What is asked of a certificate

return {
  --- Nothing is asked of the peer's certificate, and none is verified.
  -- @source Python 2.6, ssl
  -- @usage local context = assert(ssl.SSLContext { cert_reqs = ssl.CERT_NONE })
  CERT_NONE = 0,

  --- A server asks its clients for a certificate. A client may have none; one
  -- that it shows must verify. On a client the same as `CERT_REQUIRED`.
  -- @source Python 2.6, ssl
  -- @usage local context = assert(ssl.SSLContext {
  --   server_side = true, certfile = "server.pem", cert_reqs = ssl.CERT_OPTIONAL, ca_certs = "clients.pem" })
  CERT_OPTIONAL = 1,

  --- The peer must have a certificate, and it must verify.
  -- @source Python 2.6, ssl
  -- @usage local context = assert(ssl.SSLContext { cert_reqs = ssl.CERT_REQUIRED, ca_certs = "ca.pem" })
  CERT_REQUIRED = 2,

  --- SSL 2.0. A name only: no supported OpenSSL speaks it, using it is an SSLError.
  -- @group Protocols
  -- @source Python 2.6, ssl; RFC 6176
  PROTOCOL_SSLv2 = 0,

  --- SSL 3.0. A name only: no supported OpenSSL speaks it, using it is an SSLError.
  -- @group Protocols
  -- @source Python 2.6, ssl; RFC 7568
  PROTOCOL_SSLv3 = 1,

  --- The same as `PROTOCOL_TLS`, by Python 2.6's name.
  -- @group Protocols
  -- @source Python 2.6, ssl
  PROTOCOL_SSLv23 = 2,

  --- Whatever version of TLS OpenSSL speaks at the context's security level.
  -- @group Protocols
  -- @source Python 2.7.13, ssl; TLS_method(3)
  -- @usage local context = assert(ssl.SSLContext { ssl_version = ssl.PROTOCOL_TLS })
  PROTOCOL_TLS = 2,

  --- TLS 1.0 and no other version. Needs `ciphers = "DEFAULT:@SECLEVEL=0"`.
  -- @group Protocols
  -- @source Python 2.6, ssl; RFC 8996
  PROTOCOL_TLSv1 = 3,

  --- TLS 1.1 and no other version. Needs `ciphers = "DEFAULT:@SECLEVEL=0"`.
  -- @group Protocols
  -- @source Python 2.7.9, ssl; RFC 8996
  PROTOCOL_TLSv1_1 = 4,

  --- TLS 1.2 and no other version.
  -- @group Protocols
  -- @source Python 2.7.9, ssl
  PROTOCOL_TLSv1_2 = 5,

  --- TLS 1.3 and no other version.
  -- @group Protocols
  -- @source RFC 8446
  PROTOCOL_TLSv1_3 = 6,
}
