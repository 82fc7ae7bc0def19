#!/usr/bin/env python3
"""Post-handshake authentication by Python's ssl.

server CERT CA: prints "ready PORT"; reads a line, asks for a certificate, says
"asked", reads a line and prints whose it is.
client PORT CA CERT: sends a line, reads "asked", sends another, prints what
comes then or "failed: REASON". CERT "-": it has none.
"""
import socket
import ssl
import sys


def subject(conn):
    certificate = conn.getpeercert()
    if not certificate:
        return "nobody"
    return certificate["subject"][-1][-1][-1]


def serve(cert, ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    context.post_handshake_auth = True
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print("ready", listener.getsockname()[1], flush=True)
        plain, _ = listener.accept()
    try:
        conn = context.wrap_socket(plain, server_side=True)
        conn.recv(100)
        print("before:", subject(conn), flush=True)
        conn.verify_client_post_handshake()
        conn.sendall(b"asked\n")
        conn.recv(100)
        print("behind:", subject(conn), flush=True)
        conn.sendall(b"bye\n")
        conn.unwrap()
    except OSError as error:
        print("failed:", error, flush=True)


def ask(port, ca, cert):
    context = ssl.create_default_context(cafile=ca)
    context.post_handshake_auth = True
    if cert != "-":
        context.load_cert_chain(cert)
    plain = socket.create_connection(("127.0.0.1", int(port)))
    try:
        conn = context.wrap_socket(plain, server_hostname="localhost")
        conn.sendall(b"first\n")
        print("said:", conn.recv(100), flush=True)
        conn.sendall(b"second\n")
        print("said:", conn.recv(100), flush=True)
    except OSError as error:
        print("failed:", error, flush=True)


if sys.argv[1] == "server":
    serve(*sys.argv[2:])
else:
    ask(*sys.argv[2:])
