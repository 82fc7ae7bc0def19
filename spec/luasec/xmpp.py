"""A small XMPP client: logs in by SASL over TLS, with channel binding or not.

xmpp.py PORT DOMAIN --ca FILE [--direct] [--mechanism NAME] [--version 1.2]
        [--to JID TEXT] [--pause]

Prints what happens, a line each: "tls VERSION", "mechanisms A B",
"mechanism NAME", "authenticated", "bound JID", "message FROM TEXT".
"""
import argparse
import base64
import hashlib
import hmac
import os
import re
import socket
import ssl
import sys

USER, PASSWORD = "juliet", "secret"
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


def b64(data):
    return base64.b64encode(data).decode()


class Stream:
    def __init__(self, sock, domain):
        self.sock, self.domain, self.text = sock, domain, ""

    def send(self, text):
        self.sock.sendall(text.encode())

    def expect(self, pattern):
        """Reads up to a match, and takes it away."""
        while True:
            found = re.search(pattern, self.text, re.S)
            if found:
                self.text = self.text[found.end():]
                return found
            data = self.sock.recv(65536)
            if not data:
                sys.exit("the stream ended: %s" % self.text)
            self.text += data.decode()

    def open(self):
        self.text = ""
        self.send("<?xml version='1.0'?><stream:stream to='%s' version='1.0' "
                  "xmlns='jabber:client' "
                  "xmlns:stream='http://etherx.jabber.org/streams'>"
                  % self.domain)
        return self.expect(r"<stream:features>(.*?)</stream:features>")[1]


def secure(sock, arguments):
    context = ssl.create_default_context(cafile=arguments.ca)
    if arguments.version == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    if arguments.direct:
        context.set_alpn_protocols(["xmpp-client"])
    sock = context.wrap_socket(sock, server_hostname=arguments.domain)
    print("tls", sock.version(), sock.selected_alpn_protocol(), flush=True)
    return sock


def scram(stream, mechanism):
    """RFC 5802; with -PLUS the binding is tls-unique (RFC 5929)."""
    plus = mechanism.endswith("-PLUS")
    name = "sha1" if "SHA-1" in mechanism else "sha256"
    header, binding = "n,,", b""
    if plus:
        header = "p=tls-unique,,"
        binding = stream.sock.get_channel_binding("tls-unique")
    bare = "n=%s,r=%s" % (USER, b64(os.urandom(18)))
    stream.send("<auth xmlns='%s' mechanism='%s'>%s</auth>"
                % (SASL, mechanism, b64((header + bare).encode())))
    first = base64.b64decode(answer(stream, "challenge")).decode()
    fields = dict(field.split("=", 1) for field in first.split(","))
    salted = hashlib.pbkdf2_hmac(name, PASSWORD.encode(),
                                 base64.b64decode(fields["s"]),
                                 int(fields["i"]))

    def sign(key, text):
        return hmac.new(key, text, name).digest()

    key = sign(salted, b"Client Key")
    final = "c=%s,r=%s" % (b64(header.encode() + binding), fields["r"])
    signed = ",".join((bare, first, final)).encode()
    signature = sign(hashlib.new(name, key).digest(), signed)
    proof = bytes(a ^ b for a, b in zip(key, signature))
    stream.send("<response xmlns='%s'>%s</response>"
                % (SASL, b64((final + ",p=" + b64(proof)).encode())))
    last = base64.b64decode(answer(stream, "success")).decode()
    expected = b64(sign(sign(salted, b"Server Key"), signed))
    if last != "v=" + expected:
        sys.exit("the server does not know the password")


def plain(stream):
    text = "\0%s\0%s" % (USER, PASSWORD)
    stream.send("<auth xmlns='%s' mechanism='PLAIN'>%s</auth>"
                % (SASL, b64(text.encode())))
    answer(stream, "success")


def answer(stream, wanted):
    found = stream.expect(r"<(challenge|success|failure)[^>]*?"
                          r"(?:/>|>(.*?)</\1>)")
    if found[1] != wanted:
        sys.exit("%s instead of %s: %s" % (found[1], wanted, found[2]))
    return found[2] or ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("domain")
    parser.add_argument("--ca")
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--mechanism", default="SCRAM-SHA-1")
    parser.add_argument("--version")
    parser.add_argument("--to", nargs=2)
    parser.add_argument("--wait", action="store_true")
    arguments = parser.parse_args()
    sock = socket.create_connection(("127.0.0.1", arguments.port), 20)
    if arguments.direct:
        sock = secure(sock, arguments)
    stream = Stream(sock, arguments.domain)
    features = stream.open()
    if not arguments.direct:
        if "<mechanisms" in features:
            sys.exit("mechanisms are offered in clear text")
        stream.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        stream.expect("<proceed[^>]*>")
        stream.sock = secure(sock, arguments)
        features = stream.open()
    offered = re.findall("<mechanism>(.*?)</mechanism>", features)
    print("mechanisms", *sorted(offered), flush=True)
    if arguments.mechanism == "PLAIN":
        plain(stream)
    else:
        scram(stream, arguments.mechanism)
    print("authenticated", arguments.mechanism, flush=True)
    stream.open()
    stream.send("<iq type='set' id='1'>"
                "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    print("bound", stream.expect("<jid>(.*?)</jid>")[1], flush=True)
    stream.send("<presence/>")
    if arguments.to:
        stream.send("<message to='%s' type='chat'><body>%s</body></message>"
                    % tuple(arguments.to))
    if arguments.wait:
        found = stream.expect("<message[^>]*?from='([^']*)'[^>]*>"
                              ".*?<body>(.*?)</body>")
        print("message", found[1], found[2], flush=True)
    else:
        stream.send("<iq type='get' id='2' to='%s'>"
                    "<ping xmlns='urn:xmpp:ping'/></iq>" % arguments.domain)
        print("pong", stream.expect("<iq [^>]*id='2'[^>]*>")[0].count("result"),
              flush=True)
    stream.send("</stream:stream>")
    stream.expect("</stream:stream>")


main()
