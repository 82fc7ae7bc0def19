#!/usr/bin/env python3
"""HTTPS requests to nginx, new, resumed and over kept connections: luassl.https
against LuaSec's ssl.https, Python's http.client and curl.

`https.py BUILD LUA`, from the root of the tree; REQUESTS (200) and ROUNDS (5)
from the environment. For each it prints milliseconds of the client's CPU and of
the clock for a request, median of the rounds, and the ratio to luassl's CPU: each
run makes REQUESTS and one more, and another one alone, whose time is taken off."""
import http.client
import os
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
CONF = """
daemon off; master_process off; worker_processes 1; pid %(dir)s/pid;
error_log stderr;
events {} http {
  access_log off; keepalive_requests 100000; root %(dir)s;
  client_body_temp_path %(dir)s/a; proxy_temp_path %(dir)s/b;
  fastcgi_temp_path %(dir)s/c; uwsgi_temp_path %(dir)s/d;
  scgi_temp_path %(dir)s/e;
  server {
    listen 127.0.0.1:%(port)d ssl;
    ssl_certificate %(dir)s/server.pem; ssl_certificate_key %(dir)s/server.pem;
  }
}
"""


def python_client(how, url, ca, count):
    """What the child process does that is Python's http.client."""
    parts = urllib.parse.urlsplit(url)
    context = ssl.create_default_context(cafile=ca)
    connection, session = None, None
    for _ in range(count):
        if connection is None or how != "kept":
            connection = http.client.HTTPSConnection(
                parts.hostname, parts.port, context=context)
            raw = socket.create_connection((parts.hostname, parts.port))
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sock = context.wrap_socket(
                raw, server_hostname=parts.hostname, session=session)
        connection.request("GET", parts.path)
        body = connection.getresponse().read()
        assert len(body) == 1024
        if how == "resumed":
            session = connection.sock.session
        if how != "kept":
            connection.close()


def commands(build, lua, url, ca):
    """(client, how) -> a command to which a count is added."""
    client = os.path.join(HERE, "https_client.lua")
    found = {}
    for how in ("new", "resumed", "kept"):
        found["luassl", how] = [lua, client, "luassl", how, url, ca]
        found["http.client", how] = [sys.executable, __file__, "client", how,
                                     url, ca]
        options = ["-sS", "--noproxy", "*", "--cacert", ca, "-o", "/dev/null"]
        if how == "new":
            options += ["--no-sessionid"]
        if how != "kept":
            options += ["-H", "Connection: close"]
        found["curl", how] = ["curl"] + options
    found["LuaSec", "new"] = [lua, client, "luasec", "new", url, ca]
    return found


def arguments(command, url, count):
    if command[0] == "curl":
        options = command[1:]
        # -o holds for one URL each.
        options = options[:options.index("-o")] + options[
            options.index("-o") + 2:]
        return ["curl"] + options + ["-o", "/dev/null", url] + [
            word for _ in range(count - 1) for word in ("-o", "/dev/null", url)]
    return command + [str(count)]


def run(argv):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime
            - before.ru_stime, wall)


def measure(command, url, requests, rounds):
    cpu, wall = [], []
    for _ in range(rounds):
        one = run(arguments(command, url, 1))
        many = run(arguments(command, url, requests + 1))
        cpu.append((many[0] - one[0]) / requests * 1000)
        wall.append((many[1] - one[1]) / requests * 1000)
    return statistics.median(cpu), statistics.median(wall)


def start_nginx(directory):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with open(directory + "/page", "wb") as page:
        page.write(b"x" * 1024)
    with open(directory + "/conf", "w") as conf:
        conf.write(CONF % {"dir": directory, "port": port})
    path = os.environ["PATH"] + ":/usr/sbin"
    nginx = subprocess.Popen(["nginx", "-p", directory, "-c",
                              directory + "/conf"],
                             env=dict(os.environ, PATH=path))
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    return nginx, "https://localhost:%d/page" % port


def main():
    build, lua = sys.argv[1:3]
    requests = int(os.environ.get("REQUESTS") or 200)
    rounds = int(os.environ.get("ROUNDS") or 5)
    directory = tempfile.mkdtemp()
    os.chmod(directory, 0o755)
    subprocess.run(["sh", HERE + "/pki.sh", directory], check=True)
    nginx, url = start_nginx(directory)
    ca = directory + "/root.pem"
    try:
        found = {}
        for key, command in commands(build, lua, url, ca).items():
            try:
                found[key] = measure(command, url, requests, rounds)
            except (subprocess.CalledProcessError, FileNotFoundError):
                print("absent: %s %s" % key)
        print("| %d requests | client | CPU, ms each | clock, ms each | CPU, luassl.https = 1 |" % requests)
        print("|---|---|---|---|---|")
        for how in ("new", "resumed", "kept"):
            for client in ("luassl", "LuaSec", "http.client", "curl"):
                if (client, how) in found:
                    cpu, wall = found[client, how]
                    print("| %s | %s | %.2f | %.2f | %.2f |" % (
                        how, client, cpu, wall,
                        cpu / found["luassl", how][0]))
    finally:
        nginx.terminate()
        nginx.wait()
        shutil.rmtree(directory)


if len(sys.argv) > 1 and sys.argv[1] == "client":
    python_client(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
else:
    main()
