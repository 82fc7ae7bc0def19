# connect_proxy.py CERTIFICATE ANSWER -- an HTTP proxy for one connection, over
# TLS if there is a certificate. It prints its port and what it was asked,
# answers ANSWER (with escapes), and is then a tunnel to what was asked for.
import socket, ssl, sys, threading
tls, first = sys.argv[1], sys.argv[2].encode().decode("unicode_escape").encode("latin-1")
listener = socket.create_server(("127.0.0.1", 0))
print("port", listener.getsockname()[1], flush=True)
conn, _ = listener.accept()
if tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls)
    conn = context.wrap_socket(conn, server_side=True)
head = b""
while b"\r\n\r\n" not in head: head += conn.recv(1)
print(head.decode(), flush=True)
conn.sendall(first)
if not first.startswith(b"HTTP/1.1 2"): sys.exit()
host, port = head.split()[1].decode().rsplit(":", 1)
far = socket.create_connection((host.strip("[]"), int(port)))
def pump(a, b):
    while True:
        data = a.recv(65536)
        if not data: break
        b.sendall(data)
    try: b.shutdown(socket.SHUT_WR)
    except OSError: pass
thread = threading.Thread(target=pump, args=(conn, far))
thread.start()
pump(far, conn)
conn.close()
