#!/usr/bin/env python3
"""A TLS server made of Python's ssl, with good and bad manners by --mode.

Prints "ready PORT", then for each connection "handshake VERSION CIPHER
sni=NAME alpn=NAME" or "failed: REASON". Modes, after the handshake:
  echo      sends back what comes; answers close_notify
  notify    sends "hello\n", then close_notify
  truncate  sends "hello\n", then ends TCP without close_notify
  reset     sends "hello\n", waits for a byte, then resets
  digest    reads to the end, then sends the SHA-256 in hex and close_notify
  source    sends --bytes bytes, prints their SHA-256, then close_notify
  transfer  reads to the end into --out, then sends --file and close_notify,
            prints "ended cleanly" once the client's has come too
  trickle   sends --bytes bytes, one byte of ciphertext each --pause seconds
  ask       reads, asks for a certificate, sends "asked\n", prints "shown by
            NAME" and echoes
  hold      nothing
Instead of TLS:
  plain     answers in HTTP
  silent    never says anything
  hangup    closes at once
"""
import argparse
import hashlib
import random
import socket
import ssl
import struct
import threading
import time

BLOCK = 65536


def arguments():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("--mode", default="echo")
    add("--host", default="127.0.0.1")
    add("--cert", action="append", help="key and chain in one PEM file")
    add("--ca", help="asks for a client certificate")
    add("--verify", default="none", choices=["none", "optional", "required"])
    add("--min", help="TLSv1, TLSv1_1, TLSv1_2, TLSv1_3")
    add("--max")
    add("--ciphers")
    add("--alpn", help="protocols, with commas")
    add("--pha", action="store_true", help="asks after the handshake alone")
    add("--bytes", type=int, default=1000)
    add("--pause", type=float, default=0.05)
    add("--file", help="to send")
    add("--out", help="where what came goes")
    add("--clients", type=int, default=0, help="ends after so many")
    return parser.parse_args()


def context_of(args):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Pythons built for OpenSSL 3 take a truncation for an end: not here.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    if args.ciphers:
        context.set_ciphers(args.ciphers)
    if args.min:
        context.minimum_version = getattr(ssl.TLSVersion, args.min)
    if args.max:
        context.maximum_version = getattr(ssl.TLSVersion, args.max)
    for cert in args.cert:
        context.load_cert_chain(cert)
    if args.ca:
        context.load_verify_locations(args.ca)
    context.verify_mode = getattr(ssl, "CERT_" + args.verify.upper())
    if args.alpn:
        context.set_alpn_protocols(args.alpn.split(","))
    context.post_handshake_auth = args.pha

    def on_name(connection, name, _):
        connection.sni = name
    context.sni_callback = on_name
    return context


def blocks(count):
    generator = random.Random(1)
    block = generator.randbytes(BLOCK)
    while count > 0:
        yield block[:count]
        count -= BLOCK


def end_cleanly(tls):
    """Sends close_notify and waits a little for the other side's."""
    try:
        tls.settimeout(2)
        tls.unwrap().close()
    except OSError:
        tls.close()


def echo(tls, _):
    while data := tls.recv(BLOCK):
        tls.sendall(data)
    end_cleanly(tls)


def notify(tls, _):
    tls.sendall(b"hello\n")
    end_cleanly(tls)


def truncate(tls, _):
    tls.sendall(b"hello\n")
    tls.close()


def reset(tls, _):
    tls.sendall(b"hello\n")
    tls.recv(1)
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    tls.close()


def digest(tls, _):
    total = hashlib.sha256()
    while data := tls.recv(BLOCK):
        total.update(data)
    tls.sendall(total.hexdigest().encode())
    end_cleanly(tls)


def source(tls, args):
    total = hashlib.sha256()
    for block in blocks(args.bytes):
        total.update(block)
        tls.sendall(block)
    print("sha256", total.hexdigest(), flush=True)
    end_cleanly(tls)


def transfer(tls, args):
    with open(args.out, "wb") as out:
        while data := tls.recv(BLOCK):
            out.write(data)
    with open(args.file, "rb") as file:
        tls.sendall(file.read())
    tls.unwrap().close()
    print("ended cleanly", flush=True)


def ask(tls, args):
    tls.recv(BLOCK)
    tls.verify_client_post_handshake()
    tls.sendall(b"asked\n")
    data = tls.recv(BLOCK)
    print("shown by", tls.getpeercert()["subject"][-1][-1][-1], flush=True)
    tls.sendall(data)
    echo(tls, args)


def hold(tls, _):
    while tls.recv(BLOCK):
        pass


def trickle(sock, context, args):
    """TLS over memory, so that ciphertext can be sent byte by byte."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out, server_side=True)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(out.read())
            into.write(sock.recv(BLOCK))
    sock.sendall(out.read())
    print("handshake", tls.version(), tls.cipher()[0], flush=True)
    for block in blocks(args.bytes):
        tls.write(block)
    for byte in out.read():
        sock.sendall(bytes([byte]))
        time.sleep(args.pause)
    sock.close()


def plain(sock):
    sock.recv(BLOCK)
    sock.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    sock.close()


MODES = dict(echo=echo, notify=notify, truncate=truncate, reset=reset,
             digest=digest, source=source, transfer=transfer, ask=ask,
             hold=hold)


def serve(sock, context, args):
    try:
        if args.mode == "plain":
            return plain(sock)
        if args.mode == "hangup":
            return sock.close()
        if args.mode == "silent":
            time.sleep(3600)
        if args.mode == "trickle":
            return trickle(sock, context, args)
        tls = context.wrap_socket(sock, server_side=True,
                                  suppress_ragged_eofs=False)
        print("handshake", tls.version(), tls.cipher()[0],
              "sni=%s" % getattr(tls, "sni", None),
              "alpn=%s" % tls.selected_alpn_protocol(), flush=True)
        MODES[args.mode](tls, args)
    except OSError as reason:
        print("failed:", reason, flush=True)
        sock.close()


def main():
    args = arguments()
    context = context_of(args) if args.cert else None
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    listener = socket.create_server((args.host, 0), family=family)
    print("ready", listener.getsockname()[1], flush=True)
    threads = []
    while args.clients == 0 or len(threads) < args.clients:
        sock, _ = listener.accept()
        thread = threading.Thread(target=serve, args=(sock, context, args),
                                  daemon=True)
        thread.start()
        threads.append(thread)
    for thread in threads:
        thread.join()


main()
