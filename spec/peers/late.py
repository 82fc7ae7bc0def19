#!/usr/bin/env python3
"""A TLS server that is late, for any number of clients.

Prints "ready PORT". It shakes hands at once and keeps its session tickets;
--pause seconds later it sends them and reads to the end, --block bytes at a
time, then prints "received COUNT END", END being "cleanly", "truncated" or
"reset". With --say it first says that many bytes, whether they are read or
not. With --never it neither sends nor reads, and prints nothing. Its
buffers are as small as the system lets them be.

TLS runs over memory, so that the tickets are ours to keep.
"""
import argparse
import socket
import ssl
import threading
import time


def arguments():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("--cert", help="key and chain in one PEM file")
    add("--pause", type=float, default=0.1)
    add("--block", type=int, default=65536)
    add("--say", type=int, default=0)
    add("--never", action="store_true")
    return parser.parse_args()


def handshake(sock, tls, into, out):
    """Ends with the tickets in `out`."""
    while True:
        try:
            return tls.do_handshake()
        except ssl.SSLWantReadError:
            sock.sendall(out.read())
            into.write(sock.recv(1024))


def read_all(sock, tls, into, block):
    count = 0
    while True:
        try:
            data = tls.read(block)
            if not data:
                return count, "cleanly"
            count += len(data)
        except ssl.SSLWantReadError:
            try:
                data = sock.recv(block)
            except ConnectionResetError:
                return count, "reset"
            if not data:
                return count, "truncated"
            into.write(data)
        except ssl.SSLZeroReturnError:
            return count, "cleanly"


def serve(sock, context, args):
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out, server_side=True)
    handshake(sock, tls, into, out)
    time.sleep(3600 if args.never else args.pause)
    tls.write(b"x" * args.say)
    try:
        sock.sendall(out.read())
    except OSError:
        pass  # it has closed; what came is still to be read
    count, end = read_all(sock, tls, into, args.block)
    print("received %d %s" % (count, end), flush=True)
    sock.close()


def main():
    args = arguments()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert)
    listener = socket.create_server(("127.0.0.1", 0))
    for size in socket.SO_RCVBUF, socket.SO_SNDBUF:
        listener.setsockopt(socket.SOL_SOCKET, size, 4096)
    print("ready", listener.getsockname()[1], flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, context, args),
                         daemon=True).start()


main()
