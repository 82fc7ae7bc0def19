"""The workloads and the subjects: what there is to measure."""
import os
from collections import namedtuple

MIB = 1 << 20
WARM_UP = 10  # connections that `idle` opens before it counts

# name: what WORK= chooses; title; unit; program: what the subjects call it;
# role of the subject: client, server or alone; run: (count, size) for CPU
# time; exact: two such whose difference is counted, so that start-up is not.
Work = namedtuple("Work", "name title unit program role run exact")


def units(work, count, size):
    """How many units a run has: MiB, or its count."""
    return count * size / MIB if work.unit == "MiB" else count


def bulk(name, title, program, run, exact):
    return Work(name, title, "MiB", program, "client", run, exact)


def many(name, title, unit, run, exact, program=None, role="client"):
    return Work(name, title, unit, program or name, role, run, exact)


WORKS = [
    bulk("receive-16k", "receive, 16 KiB reads", "receive",
         (32768, 16384), ((256, 16384), (512, 16384))),
    bulk("receive-1m", "receive, 1 MiB reads", "receive",
         (512, MIB), ((4, MIB), (8, MIB))),
    bulk("all-1m", 'receive "*a", 1 MiB', "all",
         (96, MIB), ((2, MIB), (2, 2 * MIB))),
    bulk("all-64m", 'receive "*a", 64 MiB', "all",
         (4, 64 * MIB), ((1, 8 * MIB), (1, 16 * MIB))),
    bulk("send-16k", "send, 16 KiB pieces", "send",
         (32768, 16384), ((256, 16384), (512, 16384))),
    bulk("send-64m", "send, one 64 MiB string", "send",
         (8, 64 * MIB), ((1, 16 * MIB), (2, 16 * MIB))),
    many("ping-64", "ping-pong, 64 B", "round trip",
         (12000, 64), ((500, 64), (1000, 64)), "pingpong"),
    many("ping-1k", "ping-pong, 1 KiB", "round trip",
         (12000, 1024), ((100, 1024), (200, 1024)), "pingpong"),
    many("lines", "lines of 80 B", "line",
         (600000, 80), ((10000, 80), (20000, 80))),
    many("connect", "full handshake, client", "handshake",
         (250, 0), ((8, 0), (16, 0))),
    many("connect-resumed", "resumed handshake, client", "handshake",
         (400, 0), ((8, 0), (16, 0))),
    many("accept", "full handshake, server", "handshake",
         (250, 0), ((8, 0), (16, 0)), role="server"),
    many("accept-resumed", "resumed handshake, server", "handshake",
         (400, 0), ((8, 0), (16, 0)), role="server"),
    many("greet", "server speaks first, wall", "connection",
         (15, 0), None, role="server"),
    many("context", "further context, system CAs", "context",
         (20, 0), ((1, 0), (2, 0)), role="alone"),
    many("load", "module load", "load", (1, 0), ((0, 0), (1, 0)),
         role="alone"),
    bulk("object-receive", "SSLObject, receive 16 KiB", "object-receive",
         (16384, 16384), ((256, 16384), (512, 16384))),
    bulk("object-send", "SSLObject, send 16 KiB", "object-send",
         (16384, 16384), ((256, 16384), (512, 16384))),
    many("idle-1", "client idle after 1 B", "connection",
         None, ((WARM_UP + 2000, 1), None), "idle"),
    many("idle-48k", "client idle after 48 KiB", "connection",
         None, ((WARM_UP + 2000, 48 << 10), None), "idle"),
    many("held-1", "server's, idle after 1 B", "connection",
         None, ((WARM_UP + 2000, 1), None), "held", "server"),
    many("held-48k", "server's, idle after 48 KiB", "connection",
         None, ((WARM_UP + 2000, 48 << 10), None), "held", "server"),
]

# What a subject without the workload has to do instead.
INSTEAD = {"connect-resumed": "connect"}
TITLES = {"c": "C", "luassl": "LuaSSL", "luasec": "LuaSec",
          "luaossl": "luaossl/cqueues",
          "python": "Python"}


def subjects(lua, python, build):
    """name -> (command, a command that prints its version, or fails)."""
    here = os.path.dirname(os.path.abspath(__file__))
    script = os.path.join(here, "subject.lua")

    def ask(text):
        return [lua, "-e", text]
    return {
        "c": ([os.path.join(build, "bench", "subject")],
              ["openssl", "version"]),
        "luassl": ([lua, script, "luassl"],
                   ask('print(require "luassl"._VERSION, _VERSION)')),
        "luasec": ([lua, script, "luasec"],
                   ask('print("LuaSec " .. require "ssl"._VERSION)')),
        "luaossl": ([lua, script, "luaossl"],
                    ask('require "openssl.ssl.context" print("luaossl, '
                        'cqueues", require "cqueues".VERSION)')),
        "python": ([python, os.path.join(here, "subject.py")],
                   [python, "-c", "import sys, ssl; print('Python',"
                    "sys.version.split()[0], 'with', ssl.OPENSSL_VERSION)"]),
    }


# The project's aims: workload, quantity, what it is compared with if not the
# same workload, and the ratios to C, LuaSec, Python, and LuaSSL's SSLSocket.
AIMS = [
    ("receive-16k", "cpu", {}, (1.05, 0.82, 0.90)),
    ("receive-1m", "cpu", {}, (1.08, 0.88, 0.88)),
    ("all-64m", "cpu", {}, (1.15, 0.80, 0.68)),
    ("all-1m", "cpu", {}, (1.15, 0.85, 0.60)),
    ("send-16k", "cpu", {}, (1.05, 0.95, 1.0)),
    ("send-64m", "cpu", {}, (0.95, 0.80, 0.90)),
    ("ping-64", "cpu", {}, (1.05, 0.95, 0.95)),
    ("ping-1k", "cpu", {}, (1.05, 0.95, 0.95)),
    ("lines", "cpu", {}, (2.2, 0.40, 0.53)),
    ("connect", "cpu", {}, (1.05, 1.00, 1.00)),
    ("accept", "cpu", {}, (1.05, 1.00, 1.00)),
    ("connect-resumed", "cpu", {"luasec": "connect"}, (1.05, 0.40, 0.45)),
    ("accept-resumed", "cpu", {}, (1.05, None, None)),
    ("greet", "wall", {}, (1.1, 0.06, 0.06)),
    ("context", "cpu", {}, (1.1, 0.01, 0.01)),
    ("idle-1", "memory", {}, (1.08, 0.80, 1.0)),
    ("idle-48k", "memory", {}, (1.08, 0.80, 1.0)),
    ("held-1", "memory", {}, (1.08, 0.80, 1.0)),
    ("held-48k", "memory", {}, (1.08, 0.80, 1.0)),
    ("load", "cpu", {}, (None, 1.0, 0.25)),
    ("object-receive", "cpu", {"luassl": "receive-16k"},
     (None, None, None, 1.25)),
    ("object-send", "cpu", {"luassl": "send-16k"}, (None, None, None, 1.25)),
]
