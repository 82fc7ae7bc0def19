#!/usr/bin/env python3
"""A TLS client made of Python's ssl, with good and bad manners by --mode.

Prints "handshake VERSION CIPHER alpn=NAME" or "failed: REASON" and then ends
with status 1. Modes:
  exchange  sends --data, reads to the end, prints "received REPR"
  talk      sends --data, prints "received REPR" of the first answer, leaves
            with close_notify
  transfer  sends --file, reads to the end into --out, then close_notify;
            prints "ended cleanly"
  echo      sends --bytes bytes and reads them back; prints "equal"
  truncate  sends --data, ends TCP without close_notify
  reset     sends --data, then resets
  hold      nothing, until it is stopped
Instead of TLS:
  plain     sends an HTTP request, prints "received REPR"
  silent    connects and never says anything
"""
import argparse
import random
import socket
import ssl
import struct
import sys
import time

BLOCK = 65536


def arguments():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("port", type=int)
    add("--mode", default="exchange")
    add("--host", default="127.0.0.1")
    add("--name", default="localhost", help="server name")
    add("--ca", help="without it nothing is verified")
    add("--cert", help="key and chain in one PEM file")
    add("--min", help="TLSv1, TLSv1_1, TLSv1_2, TLSv1_3")
    add("--max")
    add("--ciphers")
    add("--alpn", help="protocols, with commas")
    add("--pha", action="store_true", help="may be asked after the handshake")
    add("--data", default="hello\n")
    add("--bytes", type=int, default=1000)
    add("--file", help="to send")
    add("--out", help="where what came goes")
    add("--twice", action="store_true", help="echo once more, with its session")
    return parser.parse_args()


def context_of(args):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Pythons built for OpenSSL 3 take a truncation for an end: not here.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if args.ciphers:
        context.set_ciphers(args.ciphers)
    if args.ca:
        context.load_verify_locations(args.ca)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if args.min:
        context.minimum_version = getattr(ssl.TLSVersion, args.min)
    if args.max:
        context.maximum_version = getattr(ssl.TLSVersion, args.max)
    if args.cert:
        context.load_cert_chain(args.cert)
    if args.alpn:
        context.set_alpn_protocols(args.alpn.split(","))
    context.post_handshake_auth = args.pha
    return context


def read_all(sock):
    data = b""
    while more := sock.recv(BLOCK):
        data += more
    return data


def received(data):
    print("received", repr(data), flush=True)


def end_cleanly(tls):
    """Sends close_notify and waits a little for the other side's."""
    try:
        tls.settimeout(2)
        tls.unwrap().close()
    except OSError:
        tls.close()


def exchange(tls, args):
    tls.sendall(args.data.encode())
    received(read_all(tls))
    end_cleanly(tls)


def talk(tls, args):
    tls.sendall(args.data.encode())
    received(tls.recv(BLOCK))
    end_cleanly(tls)


def transfer(tls, args):
    with open(args.file, "rb") as file:
        tls.sendall(file.read())
    with open(args.out, "wb") as out:
        out.write(read_all(tls))
    tls.unwrap().close()
    print("ended cleanly", flush=True)


def echo(tls, args):
    generator = random.Random(2)
    for start in range(0, args.bytes, BLOCK):
        block = generator.randbytes(min(BLOCK, args.bytes - start))
        tls.sendall(block)
        back = b""
        while len(back) < len(block):
            more = tls.recv(BLOCK)
            if not more:
                break
            back += more
        if back != block:
            return print("different", flush=True)
    print("equal", flush=True)
    args.session = tls.session
    end_cleanly(tls)


def truncate(tls, args):
    tls.sendall(args.data.encode())
    tls.close()


def reset(tls, args):
    tls.sendall(args.data.encode())
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tls.close()


def hold(*_):
    time.sleep(3600)


MODES = dict(exchange=exchange, talk=talk, transfer=transfer, echo=echo,
             truncate=truncate, reset=reset, hold=hold)


def run(context, sock, args, session=None):
    """One connection."""
    tls = context.wrap_socket(sock, server_hostname=args.name, session=session,
                              suppress_ragged_eofs=False)
    print("handshake", tls.version(), tls.cipher()[0],
          "alpn=%s" % tls.selected_alpn_protocol(), flush=True)
    MODES[args.mode](tls, args)


def main():
    args = arguments()
    sock = socket.create_connection((args.host, args.port))
    print("connected", flush=True)
    if args.mode == "plain":
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return received(read_all(sock))
    if args.mode == "silent":
        return hold()
    context = context_of(args)
    run(context, sock, args)
    if args.twice:
        run(context, socket.create_connection((args.host, args.port)), args,
            args.session)


try:
    main()
except OSError as reason:
    print("failed:", reason, flush=True)
    sys.exit(1)
