#!/usr/bin/env python3
"""Connects to a port of 127.0.0.1 once for each name, with the session that
the connection before gave, and prints whether it was resumed.

Arguments: port, file of authorities, highest version ("TLSv1.2"), names.
"""
import socket
import ssl
import sys


def main(port, ca, version, *names):
    context = ssl.create_default_context(cafile=ca)
    context.maximum_version = getattr(ssl.TLSVersion, version.replace(".", "_"))
    session = None
    for name in names:
        sock = socket.create_connection(("127.0.0.1", int(port)))
        with context.wrap_socket(sock, server_hostname=name,
                                 session=session) as tls:
            tls.recv(100)
            print(tls.session_reused, flush=True)
            session = tls.session


main(*sys.argv[1:])
