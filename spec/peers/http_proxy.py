#!/usr/bin/env python3
"""An HTTP proxy: CONNECT, and GET of http URLs. Prints "ready PORT", and for
each request its line and its Proxy-Authorization, and whether it came over TLS.

  --cert PEM       it is asked over TLS
  --auth NAME:PASSWORD   else it answers 407
  --answer FILE    it answers with these bytes, and ends
  --inject         it sends bytes behind its answer, as if they were the server's
  --silent         it says nothing
"""
import argparse
import base64
import select
import socket
import ssl
import threading

parser = argparse.ArgumentParser()
parser.add_argument("--cert")
parser.add_argument("--auth")
parser.add_argument("--answer")
parser.add_argument("--inject", action="store_true")
parser.add_argument("--silent", action="store_true")
args = parser.parse_args()

REFUSAL = (b"HTTP/1.1 407 Proxy Authentication Required\r\n"
           b"Proxy-Authenticate: Basic realm=\"specs\"\r\n"
           b"Content-Length: 22\r\n\r\nwho\x1b[31m are you?\xff\xfe\r\n\r\n")


WAITS = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def send_all(sink, data):
    while data:
        try:
            data = data[sink.send(data):]
        except WAITS:
            select.select([], [sink], [], 30)


def pump(one, two):
    """Both ways in one thread: no two may use a TLS connection at a time."""
    for end in (one, two):
        end.setblocking(False)
    while True:
        ready = [end for end in (one, two)
                 if isinstance(end, ssl.SSLSocket) and end.pending()]
        ready = ready or select.select([one, two], [], [], 30)[0]
        if not ready:
            return
        for end in ready:
            try:
                data = end.recv(65536)
            except WAITS:
                continue
            if not data:
                return
            send_all(two if end is one else one, data)


def relay(one, two):
    try:
        pump(one, two)
    except OSError:
        pass
    for end in (one, two):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def read_head(connection):
    head = b""
    while b"\r\n\r\n" not in head:
        byte = connection.recv(1)
        if not byte:
            raise OSError("no request")
        head += byte
    return head.decode("latin-1").split("\r\n")


def is_allowed(fields):
    if not args.auth:
        return True
    wanted = "Basic " + base64.b64encode(args.auth.encode()).decode()
    return fields.get("proxy-authorization") == wanted


def forward(connection, lines, method, target):
    if method == "CONNECT":
        host, port = target.rsplit(":", 1)
        upstream = socket.create_connection((host.strip("[]"), int(port)), 10)
        answer = b"HTTP/1.1 200 Connection established\r\nVia: specs\r\n\r\n"
        connection.sendall(answer + (b"\x16\x03\x03" if args.inject else b""))
    else:
        place, _, path = target[len("http://"):].partition("/")
        host, port = place.rsplit(":", 1)
        upstream = socket.create_connection((host, int(port)), 10)
        rest = [f for f in lines[1:] if not f.lower().startswith("proxy-")]
        head = ["%s /%s HTTP/1.1" % (method, path)] + rest
        upstream.sendall("\r\n".join(head).encode("latin-1"))
    relay(connection, upstream)


def serve(connection):
    lines = read_head(connection)
    fields = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    print(lines[0], "|", fields.get("proxy-authorization"), "|",
          "authorization" in fields or "cookie" in fields, flush=True)
    if args.silent:
        connection.recv(1)
    elif args.answer:
        with open(args.answer, "rb") as file:
            connection.sendall(file.read())
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)
    elif is_allowed(fields):
        method, target, _ = lines[0].split(" ")
        forward(connection, lines, method, target)
    else:
        connection.sendall(REFUSAL)
        connection.recv(1)


def connect(connection):
    try:
        connection.settimeout(30)
        if args.cert:
            connection = context.wrap_socket(connection, server_side=True)
        serve(connection)
    except OSError as error:
        print("failed:", error, flush=True)
    finally:
        connection.close()


if args.cert:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert)
listener = socket.create_server(("127.0.0.1", 0), backlog=100)
print("ready", listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    threading.Thread(target=connect, args=(client,), daemon=True).start()
