"""Many connections at once: echo servers on luv and copas beside Node's tls and
Python's asyncio, for the same clients.

run.py [CONNECTIONS] [SERVER...]: 2000 idle connections,
then 200 that send a line of 64 bytes and wait for it, again and again. Prints
what an idle connection costs, messages a second, their latency, and the
server's processor time a message. hooks.lua is about 1,000 clients whose
certificates are fetched in a hook that waits. LUA is the interpreter, with its paths in the
environment."""
import asyncio
import os
import resource
import ssl
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LUA = os.environ.get("LUA", "luajit")
SERVERS = {
    "luv": [LUA, HERE + "/luv.lua"],
    "copas": [LUA, HERE + "/copas.lua"],
    "node": ["node", HERE + "/node.js"],
    "asyncio": ["python3", HERE + "/asyncio_server.py"],
}
BUSY, SECONDS, LINE = 200, 5, b"x" * 63 + b"\n"


def certificate(directory):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-keyout", directory + "/key.pem",
                    "-out", directory + "/cert.pem"], check=True, capture_output=True)
    return directory + "/cert.pem", directory + "/key.pem"


def status(pid):
    """Resident KiB and seconds of processor time."""
    with open("/proc/%d/statm" % pid) as file:
        kib = int(file.read().split()[1]) * resource.getpagesize() // 1024
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return kib, (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def connect(port, context, gate):
    async with gate:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        writer.write(LINE)
        assert await reader.readline() == LINE
        return reader, writer


async def talk(connection, until, times):
    reader, writer = connection
    while (began := time.perf_counter()) < until:
        writer.write(LINE)
        assert await reader.readline() == LINE
        times.append(time.perf_counter() - began)


async def measure(name, pid, port, context, count):
    gate = asyncio.Semaphore(50)
    first = await asyncio.gather(*(connect(port, context, gate) for _ in range(BUSY)))
    before, _ = status(pid)
    began = time.perf_counter()
    rest = await asyncio.gather(*(connect(port, context, gate) for _ in range(count - BUSY)))
    took = time.perf_counter() - began
    idle = (status(pid)[0] - before) / len(rest)
    times, cpu = [], status(pid)[1]
    until = time.perf_counter() + SECONDS
    await asyncio.gather(*(talk(connection, until, times) for connection in first))
    cpu = status(pid)[1] - cpu
    times.sort()
    print("%-8s %d connections, %.0f a second; idle %.1f KiB each; %d messages a second, p50 %.1f ms, p99 %.1f ms, "
          "%.1f us of the server's processor each" % (
              name, count, len(rest) / took, idle, len(times) / SECONDS, times[len(times) // 2] * 1e3,
              times[len(times) * 99 // 100] * 1e3, cpu / len(times) * 1e6), flush=True)
    for _, writer in first + rest:
        writer.transport.abort()


def run(name, argv, files, count):
    context = ssl.create_default_context(cafile=files[0])
    server = subprocess.Popen(argv + list(files), stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        if not line.startswith("port "):
            print("%-8s is absent" % name, flush=True)
            return
        asyncio.run(measure(name, server.pid, int(line.split()[1]), context, count))
    finally:
        server.kill()
        server.wait()


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 65536 else 65536, hard))
    with tempfile.TemporaryDirectory() as directory:
        files = certificate(directory)
        for name in sys.argv[2:] or SERVERS:
            run(name, SERVERS[name], files, count)


main()
