#!/usr/bin/env python3
"""An HTTP server over TLS that sends what it is told, right or wrong.

Prints "ready PORT". A request for /NAME?QUERY is answered with the bytes of the
file NAME in --directory. The query, all of it optional:
  end=keep    then the next request (the default)
  end=notify  then close_notify
  end=cut     then the end of TCP without close_notify
  end=reset   then a reset
  end=hold    then nothing, until the client closes
  size=N pause=S   N bytes at a time, with S seconds between
  early=1     answers behind the head of the request, and reads no body
  end=linger  then reads until the client closes
  times=N     the connection's Nth request ends it before an answer, as
              death=HOW says (notify)
  repeat=N    the bytes N times
For each request it prints a line of JSON: what it was, over which connection,
whether TLS resumed, the headers, the body's length and SHA-256.
"""
import argparse
import hashlib
import json
import socket
import ssl
import struct
import threading
import time
import urllib.parse


def arguments():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("--directory", required=True)
    add("--cert", help="key and chain in one PEM file; without: no TLS")
    add("--ca", help="asks for a client certificate")
    return parser.parse_args()


def read_head(stream):
    line = stream.readline()
    if not line:
        return None, None
    headers = []
    while True:
        field = stream.readline()
        if field in (b"\r\n", b"\n", b""):
            return line.decode("latin-1").strip(), headers
        name, _, value = field.decode("latin-1").partition(":")
        headers.append((name.strip().lower(), value.strip()))


def read_body(stream, headers):
    if headers.get("transfer-encoding", "").endswith("chunked"):
        body = b""
        while True:
            size = int(stream.readline().split(b";")[0], 16)
            body += stream.read(size)
            assert stream.readline() == b"\r\n"
            if size == 0:
                return body
    length = int(headers.get("content-length", 0))
    body = stream.read(length)
    assert len(body) == length
    return body


def end(connection, how, stream=None):
    if how == "notify":
        connection.settimeout(5)
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()
    elif how == "cut":
        connection.shutdown(socket.SHUT_RDWR)
    elif how == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                              struct.pack("ii", 1, 0))
    elif how == "linger":
        while stream.read(65536):
            pass
    elif how == "hold":
        while connection.recv(4096):
            pass
        print("held", flush=True)


def send(connection, answer, query):
    size = int(query.get("size", len(answer) or 1))
    for i in range(0, len(answer), size):
        if i:
            time.sleep(float(query.get("pause", 0)))
        connection.sendall(answer[i:i + size])


def serve(connection, number, args, lock):
    stream = connection.makefile("rb")
    count = 0
    while True:
        line, fields = read_head(stream)
        if line is None:
            return
        count += 1
        headers = dict(fields)
        method, target, _ = line.split(" ", 2)
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        if headers.get("expect") == "100-continue" and "early" not in query:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = b"" if "early" in query else read_body(stream, headers)
        with lock:
            print(json.dumps({
                "method": method, "target": target, "connection": number,
                "resumed": getattr(connection, "session_reused", None),
                "certificate": bool(args.ca and connection.getpeercert()),
                "headers": headers, "length": len(body),
                "sha256": hashlib.sha256(body).hexdigest()}), flush=True)
        if count == int(query.get("times", 0)):
            return end(connection, query.get("death", "notify"))
        name = url.path.rsplit("/", 1)[1]
        with open(args.directory + "/" + name, "rb") as file:
            answer = file.read() * int(query.get("repeat", 1))
        if method == "HEAD":
            answer = answer[:answer.index(b"\r\n\r\n") + 4]
        send(connection, answer, query)
        how = query.get("end", "keep")
        if how != "keep":
            return end(connection, how, stream)


def connect(raw, number, args, context, lock):
    connection = raw
    try:
        raw.settimeout(30)
        if context:
            connection = context.wrap_socket(raw, server_side=True)
        serve(connection, number, args, lock)
    except (OSError, ValueError, AssertionError) as error:
        with lock:
            print("failed: " + str(error).replace("\n", " "), flush=True)
    finally:
        connection.close()


def main():
    args = arguments()
    context = None
    if args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert)
        if args.ca:
            context.load_verify_locations(args.ca)
            context.verify_mode = ssl.CERT_OPTIONAL
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    lock = threading.Lock()
    print("ready", listener.getsockname()[1], flush=True)
    number = 0
    while True:
        raw, _ = listener.accept()
        number += 1
        threading.Thread(target=connect, daemon=True,
                         args=(raw, number, args, context, lock)).start()


main()
