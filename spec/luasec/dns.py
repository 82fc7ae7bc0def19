"""A name server for SRV and A records: dns.py NAME=PORT...

Answers _anything._tcp.NAME with a service on NAME at PORT, and NAME with
127.0.0.1; nothing else exists. Prints "ready PORT".
"""
import socket
import struct
import sys

PORTS = {}
for word in sys.argv[1:]:
    name, port = word.split("=")
    PORTS[name.lower()] = int(port)


def encode(name):
    labels = [part.encode() for part in name.split(".") if part]
    return b"".join(bytes([len(p)]) + p for p in labels) + b"\0"


def read_name(packet, at):
    labels = []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode())
        at += packet[at] + 1
    return ".".join(labels), at + 1


def records(name, kind):
    host = name.lower().split("._tcp.")[-1]
    if host not in PORTS:
        return []
    if kind == 33 and name.lower().startswith("_xmpp-server._tcp."):
        return [struct.pack("!HHH", 0, 0, PORTS[host]) + encode(host)]
    if kind == 1 and name.lower() == host:
        return [bytes([127, 0, 0, 1])]
    return []


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 0))
print("ready", server.getsockname()[1], flush=True)
while True:
    packet, peer = server.recvfrom(4096)
    asked, end = read_name(packet, 12)
    kind, = struct.unpack("!H", packet[end:end + 2])
    found = records(asked, kind)
    answer = packet[:2] + struct.pack("!HHHHH", 0x8580, 1, len(found), 0, 0)
    answer += packet[12:end + 4]
    for data in found:
        answer += b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data))
        answer += data
    server.sendto(answer, peer)
