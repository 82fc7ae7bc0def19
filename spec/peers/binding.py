#!/usr/bin/env python3
"""Prints the channel binding tls-unique, in hex, and whether the session was
resumed, of two connections of TLS 1.2, the second of which resumes the first.

Arguments: "client", port, file of authorities; or "server", file of the
certificate: it prints "ready PORT" first.
"""
import socket
import ssl
import sys


def report(tls):
    print("unique", tls.get_channel_binding("tls-unique").hex(),
          tls.session_reused, flush=True)


def client(port, ca):
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    session = None
    for _ in range(2):
        sock = socket.create_connection(("127.0.0.1", int(port)))
        with context.wrap_socket(sock, server_hostname="localhost",
                                 session=session) as tls:
            tls.recv(100)
            session = tls.session
            report(tls)
            tls.recv(100)


def server(cert):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert)
    listener = socket.create_server(("127.0.0.1", 0))
    print("ready", listener.getsockname()[1], flush=True)
    for _ in range(2):
        sock, _ = listener.accept()
        with context.wrap_socket(sock, server_side=True) as tls:
            report(tls)
            tls.recv(100)


{"client": client, "server": server}[sys.argv[1]](*sys.argv[2:])
