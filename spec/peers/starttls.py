#!/usr/bin/env python3
"""Goes from clear text to TLS and back, --rounds times on one connection, as a
client if PORT is given, else as a server that prints "ready PORT".

Each round: the client says "STARTTLS", the server "go", TLS begins; in it the
client says "secret" and the server "echo secret"; the client ends TLS, then
both say "ROLE clear". With --merge one segment holds what follows in time: the
client's "STARTTLS" (--line) and ClientHello (nobody says "go" then), and an
end of TLS and the clear line behind it.

TLS runs over memory, so that segments are ours to make. Prints "round N
VERSION" for each and "done".
"""
import argparse
import socket
import ssl


class Connection:
    def __init__(self, sock, args):
        self.sock, self.args = sock, args
        self.clear = b""

    def line(self):
        """A line of clear text."""
        while b"\n" not in self.clear:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError(self.clear)
            self.clear += data
        line, self.clear = self.clear.split(b"\n", 1)
        return line

    def start(self, context, before=b"", **options):
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.into.write(self.clear)
        self.clear = b""
        self.tls = context.wrap_bio(self.into, self.out, **options)
        self.run(self.tls.do_handshake, before)

    def flush(self, before=b"", behind=b""):
        data = before + self.out.read() + behind
        if data:
            self.sock.sendall(data)

    def run(self, call, before=b"", behind=b""):
        while True:
            try:
                result = call()
                self.flush(before, behind)
                return result
            except ssl.SSLWantReadError:
                self.flush(before, behind)
                before = behind = b""
                data = self.sock.recv(65536)
                if not data:
                    raise EOFError("in TLS")
                self.into.write(data)

    def end(self, behind):
        """Ends TLS; `behind` follows our end."""
        if self.args.merge:
            self.run(self.tls.unwrap, behind=behind)
        else:
            self.run(self.tls.unwrap)
            self.sock.sendall(behind)
        self.clear = self.into.read()


def client(connection, args):
    context = ssl.create_default_context(cafile=args.ca)
    context.maximum_version = getattr(ssl.TLSVersion, args.max)
    opening = args.line.encode() + b"\n"
    before = b""
    if args.merge:
        before = opening
    else:
        connection.sock.sendall(opening)
        assert connection.line() == b"go"
    connection.start(context, before, server_hostname="localhost")
    connection.run(lambda: connection.tls.write(b"secret\n"))
    answer = connection.run(lambda: connection.tls.read(100))
    assert answer == b"echo secret\n", answer
    connection.end(b"client clear\n")
    assert connection.line() == b"server clear"


def server(connection, args):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args.cert)
    context.maximum_version = getattr(ssl.TLSVersion, args.max)
    assert connection.line() == b"STARTTLS"
    connection.sock.sendall(b"go\n")
    connection.start(context, server_side=True)
    asked = connection.run(lambda: connection.tls.read(100))
    assert asked == b"secret\n", asked
    connection.run(lambda: connection.tls.write(b"echo " + asked))
    assert connection.run(lambda: connection.tls.read(100)) == b""
    connection.end(b"server clear\n")
    assert connection.line() == b"client clear"


def main():
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("port", type=int, nargs="?")
    add("--cert", help="key and chain in one PEM file")
    add("--ca")
    add("--max", default="TLSv1_3")
    add("--rounds", type=int, default=3)
    add("--line", default="STARTTLS")
    add("--merge", action="store_true")
    args = parser.parse_args()
    if args.port:
        sock, play = socket.create_connection(("127.0.0.1", args.port)), client
    else:
        listener = socket.create_server(("127.0.0.1", 0))
        print("ready", listener.getsockname()[1], flush=True)
        sock, play = listener.accept()[0], server
    connection = Connection(sock, args)
    for number in range(args.rounds):
        play(connection, args)
        print("round", number + 1, connection.tls.version(), flush=True)
    print("done", flush=True)


main()
