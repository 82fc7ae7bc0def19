#!/usr/bin/env python3
"""A peer that ends TLS with Python's unwrap and goes on in clear text.

A server prints "ready PORT"; with --connect PORT it is a client. It reads a
line, with --first says goodbye before the other side does, unwraps, sends
"clear\n" and prints what comes then: "received REPR".
"""
import argparse
import socket
import ssl


def arguments():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("--cert", help="key and chain in one PEM file")
    add("--ca")
    add("--connect", type=int)
    add("--first", action="store_true")
    return parser.parse_args()


def client(args):
    context = ssl.create_default_context(cafile=args.ca)
    sock = socket.create_connection(("127.0.0.1", args.connect))
    return context.wrap_socket(sock, server_hostname="localhost")


def server(args):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert)
    listener = socket.create_server(("127.0.0.1", 0))
    print("ready", listener.getsockname()[1], flush=True)
    sock, _ = listener.accept()
    return context.wrap_socket(sock, server_side=True)


def read_line(sock):
    data = b""
    while not data.endswith(b"\n"):
        more = sock.recv(100)
        if not more:
            break
        data += more
    return data


def main():
    args = arguments()
    tls = client(args) if args.connect else server(args)
    tls.suppress_ragged_eofs = False
    read_line(tls)
    if not args.first:
        assert tls.recv(100) == b""  # their close_notify
    sock = tls.unwrap()
    sock.sendall(b"clear\n")
    print("received", repr(read_line(sock)), flush=True)


main()
