#!/usr/bin/env python3
"""Peers that are too slow, each on a port of its own, until they are stopped.

Prints "ready NAME=PORT ..." for these servers:
  handshake  says its part of the handshake a byte at a time
  bytes      after the handshake a record of 16384 bytes, a byte of it at a time
  records    after the handshake a record of one byte at a time
  flood      after the handshake records of 16384 bytes without a pause
  reader     after the handshake reads 1 KiB at a time
With --connect PORT a client that says its ClientHello a byte at a time.
The pause between two is --pause seconds; after --limit seconds they give up
and end TCP.
"""
import argparse
import socket
import ssl
import threading
import time

BLOCK = 16384


def arguments():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("--cert", help="key and chain in one PEM file")
    add("--connect", type=int)
    add("--pause", type=float, default=0.02)
    add("--limit", type=float, default=6)
    return parser.parse_args()


class Pace:
    """Counts out the pauses, and the time that is left."""

    def __init__(self, args):
        self.pause = args.pause
        self.end = time.monotonic() + args.limit

    def goes_on(self):
        time.sleep(self.pause)
        return time.monotonic() < self.end

    def trickle(self, sock, data):
        for byte in data:
            sock.sendall(bytes([byte]))
            if not self.goes_on():
                break


class Memory:
    """TLS whose ciphertext goes through our hands."""

    def __init__(self, sock, context, **options):
        self.sock = sock
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, **options)

    def handshake(self, send):
        while True:
            try:
                self.tls.do_handshake()
                return send(self.out.read())
            except ssl.SSLWantReadError:
                send(self.out.read())
                data = self.sock.recv(BLOCK)
                if not data:
                    return None
                self.into.write(data)

    def encrypt(self, data):
        self.tls.write(data)
        return self.out.read()


def handshake(memory, pace):
    memory.handshake(lambda data: pace.trickle(memory.sock, data))


def record_bytes(memory, pace):
    memory.handshake(memory.sock.sendall)
    pace.trickle(memory.sock, memory.encrypt(b"x" * BLOCK))


def records(memory, pace):
    memory.handshake(memory.sock.sendall)
    while pace.goes_on():
        memory.sock.sendall(memory.encrypt(b"x"))


def flood(memory, pace):
    memory.handshake(memory.sock.sendall)
    while time.monotonic() < pace.end:
        memory.sock.sendall(memory.encrypt(b"x" * BLOCK))


def reader(memory, pace):
    memory.handshake(memory.sock.sendall)
    while pace.goes_on() and memory.sock.recv(1024):
        pass


MODES = dict(handshake=handshake, bytes=record_bytes, records=records,
             flood=flood, reader=reader)


def serve(sock, mode, args):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert)
    memory = Memory(sock, context, server_side=True)
    try:
        MODES[mode](memory, Pace(args))
    except OSError:
        pass  # it had enough of us
    sock.close()


def listen(mode, args):
    listener = socket.create_server(("127.0.0.1", 0))
    if mode == "reader":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def accept():
        while True:
            sock, _ = listener.accept()
            threading.Thread(target=serve, args=(sock, mode, args),
                             daemon=True).start()
    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def connect(args):
    sock = socket.create_connection(("127.0.0.1", args.connect))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print("connected", flush=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    memory = Memory(sock, context, server_hostname="localhost")
    try:
        handshake(memory, Pace(args))
    except OSError:
        pass


def main():
    args = arguments()
    if args.connect:
        return connect(args)
    ports = ["%s=%d" % (mode, listen(mode, args)) for mode in MODES]
    print("ready", *ports, flush=True)
    threading.Event().wait()


main()
