"""Python's ssl as a subject: python3 subject.py WORKLOAD COUNT SIZE PORT PKI.
Prints what subject.lua prints."""
import sys
import time

clock = time.process_time  # user and system
workload = sys.argv[1]
count, size, port = map(int, sys.argv[2:5])
pki = sys.argv[5]


def say(name, value):
    print("%s %.9f" % (name, value), flush=True)


def load():
    if count == 0:
        return
    began = clock()
    import ssl  # noqa: F401: the import is what is measured
    say("cpu", clock() - began)


if workload == "load":
    sys.exit(load())

import gc  # noqa: E402
import socket  # noqa: E402
import ssl  # noqa: E402


def client_context():
    return ssl.create_default_context(cafile=pki + "/root.pem")


def client(context, session=None):
    sock = socket.create_connection(("127.0.0.1", port))
    return context.wrap_socket(sock, server_hostname="localhost",
                               session=session)


def connection(body, finish=None):
    conn = client(client_context())
    began = clock()
    body(conn)
    say("cpu", clock() - began)
    if finish:
        finish(conn)
    conn.close()


def receive():
    """Large reads go through a buffered file, as Python programs do it."""
    def pieces(conn):
        left = count * size
        while left > 0:
            left -= len(conn.recv(size))

    def whole(conn):
        file = conn.makefile("rb")
        for _ in range(count):
            assert len(file.read(size)) == size
    connection(pieces if size <= 16384 else whole)


def send():
    data = b"x" * size

    def body(conn):
        for _ in range(count):
            conn.sendall(data)
    connection(body, lambda conn: conn.recv(1))


def pingpong():
    data = b"x" * size

    def body(conn):
        for _ in range(count):
            conn.sendall(data)
            left = size
            while left > 0:
                left -= len(conn.recv(left))
    connection(body)


def lines():
    def body(conn):
        file = conn.makefile("rb")
        for _ in range(count):
            assert len(file.readline()) == size
    connection(body)


def whole_bodies():
    context, total = client_context(), 0
    for _ in range(count):
        conn = client(context)
        began = clock()
        body = conn.makefile("rb").read()
        total += clock() - began
        assert len(body) == size
        conn.close()
    say("cpu", total)


def connects():
    context, session = client_context(), None
    resume = workload == "connect-resumed"
    began = clock()
    for _ in range(count):
        conn = client(context, session)
        assert conn.recv(1)
        if resume:
            session = conn.session
        conn.close()
    say("cpu", clock() - began)


def listen():
    listener = socket.create_server(("127.0.0.1", 0))
    say("port", listener.getsockname()[1])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pki + "/server.pem")
    return context.wrap_socket(listener, server_side=True)


def accepts():
    listener = listen()
    began = clock()
    for _ in range(count):
        conn, _address = listener.accept()
        conn.sendall(b"!")
        assert conn.recv(1) == b""
        conn.close()
    say("cpu", clock() - began)


def resident():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def hold(connect):
    """The first connections warm the process up: see WARM_UP in work.py."""
    kept = []
    for i in range(count):
        if i == 10:
            before = resident()
        conn = connect()
        left = size
        while left > 0:
            left -= len(conn.recv(left))
        kept.append(conn)
    say("memory", resident() - before)


def idle():
    context = client_context()
    hold(lambda: client(context))


def held():
    listener = listen()
    hold(lambda: listener.accept()[0])


def contexts():
    began = clock()
    made = [ssl.create_default_context()]
    say("first", clock() - began)
    before = resident()
    began = clock()
    for _ in range(count):
        made.append(ssl.create_default_context())
    say("cpu", clock() - began)
    say("memory", resident() - before)


def object_client():
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(incoming, outgoing,
                                    server_hostname="localhost")

    def pump(step):
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                result = None
            if outgoing.pending:
                sock.sendall(outgoing.read())
            if result is not None:
                return result
            incoming.write(sock.recv(65536))
    pump(lambda: tls.do_handshake() or True)
    return sock, tls, outgoing, pump


def object_receive():
    _sock, tls, _outgoing, pump = object_client()
    began = clock()
    left = count * size
    while left > 0:
        left -= len(pump(lambda: tls.read(size)))
    say("cpu", clock() - began)


def object_send():
    sock, tls, outgoing, pump = object_client()
    data = b"x" * size
    began = clock()
    for _ in range(count):
        assert tls.write(data) == size
        sock.sendall(outgoing.read())
    say("cpu", clock() - began)
    pump(lambda: tls.read(1))


WORKLOADS = {
    "accept": accepts, "accept-resumed": accepts, "all": whole_bodies,
    "connect": connects, "connect-resumed": connects, "context": contexts,
    "greet": accepts, "held": held, "idle": idle, "lines": lines,
    "object-receive": object_receive, "object-send": object_send,
    "pingpong": pingpong, "receive": receive, "send": send,
}
if workload in WORKLOADS:
    WORKLOADS[workload]()
else:
    print("absent")
