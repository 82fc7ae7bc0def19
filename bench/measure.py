"""One run of one subject against the peer: CPU time, or exact counts."""
import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile

from work import units

LIMIT = "300"  # seconds: nothing that is started outlives it


# valgrind counts `rep movsb` as an instruction per byte: no processor works so.
TUNABLES = ":".join("glibc.cpu.x86_rep_%s_threshold=0x40000000" % name
                    for name in ("movsb", "stosb"))

HEAP = {"brk", "mmap", "munmap", "mremap", "madvise"}
WRITES = {"write", "writev", "sendto", "sendmsg"}
OPENS = {"socket", "accept", "accept4", "openat", "dup"}


class Failed(Exception):
    """A subject or the peer did not do its work."""


class Bench:
    """Where things are, and what every run has in common."""

    def __init__(self, peer, pki, subjects, environment):
        self.peer, self.pki, self.subjects = peer, pki, subjects
        self.environment = dict(os.environ, PYTHONHASHSEED="0", **environment)
        cores = sorted(os.sched_getaffinity(0))
        self.cores = cores[0], cores[-1]
        self.scratch = tempfile.mkdtemp(prefix="luassl-bench.")
        self.started = []

    def close(self):
        for process in self.started:
            if process.poll() is None:
                process.terminate()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def start(self, argv, core, environment=None):
        pinned = ["taskset", "-c", str(core)] if core is not None else []
        errors = tempfile.TemporaryFile(dir=self.scratch)
        process = subprocess.Popen(
            ["timeout", LIMIT] + pinned + argv,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            env=dict(self.environment, **(environment or {})))
        process.errors = errors
        self.started.append(process)
        return process

    def run(self, subject, work, amount, wrap=None, environment=None):
        """What subject and peer print, as a dictionary; "absent" in it: the
        subject cannot do this. Without `wrap` each has a core of its own."""
        job = [str(amount[0]), str(amount[1])]
        ours = (wrap or []) + self.subjects[subject] + [work.program] + job
        theirs = [self.peer, work.program.replace("object-", "")] + job
        ours_on, theirs_on = self.cores if wrap is None else (None, None)
        sides = [(theirs, theirs_on), (ours, ours_on)]
        if work.role != "client":
            sides.reverse()  # who listens starts first
        one = self.start(sides[0][0] + ["0", self.pki], sides[0][1],
                         environment)
        if work.role == "alone":
            return finish([one])
        line = one.stdout.readline()
        if not line.startswith(b"port "):
            return finish([one], line)
        port = str(int(float(line.split()[1])))
        two = self.start(sides[1][0] + [port, self.pki], sides[1][1],
                         environment)
        return finish([two, one])

    def instructions(self, subject, work, amount):
        log = tempfile.NamedTemporaryFile(dir=self.scratch)
        said = self.run(subject, work, amount,
                        ["valgrind", "--tool=callgrind", "--log-file=" +
                         log.name, "--callgrind-out-file=/dev/null"],
                        {"GLIBC_TUNABLES": TUNABLES, "BENCH_DELAY": "5000"})
        if "absent" in said:
            return None
        found = re.search(r"Collected : (\d+)", log.read().decode())
        return {"instructions": int(found[1])}

    def calls(self, subject, work, amount):
        """System calls: name -> count; "calls" is their sum, without the
        heap's. "wire": the subject's bytes on TCP."""
        log = tempfile.NamedTemporaryFile(dir=self.scratch)
        said = self.run(subject, work, amount,
                        ["strace", "-f", "-c", "-o", log.name],
                        {"BENCH_DELAY": "1000"})
        if "absent" in said:
            return None
        found = collections.Counter(wire=said.get("wire", 0))
        for row in log.read().decode().splitlines():
            match = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+"
                             r"(\d+\s+)?(\w+)$", row)
            if match and match[3] != "total":
                tried, name = int(match[1]), match[3]
                found[name] = tried
                found["calls"] += tried * (name not in HEAP)
                found["writes"] += tried * (name in WRITES)
                done = tried - int(match[2] or 0)
                found["fds"] += done * ((name in OPENS) - (name == "close"))
        return found

    def nagled(self, subject, work, amount):
        """Writes to a socket without TCP_NODELAY: one that follows another
        waits until the peer acknowledges that, often for 40 ms."""
        log = tempfile.NamedTemporaryFile(dir=self.scratch)
        said = self.run(subject, work, amount,
                        ["strace", "-f", "-o", log.name, "-e", ",".join(
                            {"socket", "accept", "accept4", "setsockopt",
                             "close"} | WRITES)],
                        {"BENCH_DELAY": "1000"})
        return None if "absent" in said else {
            "nagled": nagled_writes(log.read().decode())}

    def counts(self, subject, work, kinds=("instructions", "calls")):
        """Exact counts per unit: the difference of two runs. {} if absent."""
        extra = work_units(work, 1) - work_units(work, 0)
        result = {}
        for kind in kinds:
            less, more = (getattr(self, kind)(subject, work, amount)
                          for amount in work.exact)
            if less is None:
                return {}
            for name in more:
                result[name] = (more[name] - less.get(name, 0)) / extra
        return result


def nagled_writes(trace):
    """A connection that was accepted has its listener's TCP_NODELAY."""
    delaying, count = set(), 0
    for line in trace.splitlines():
        match = re.match(r"\d+ +(\w+)\((\d*).* = (\d+)$", line)
        if not match:
            continue  # failed
        name, fd, result = match.groups()
        if name == "socket" or name.startswith("accept") and fd in delaying:
            delaying.add(result)
        elif name == "close" or "TCP_NODELAY, [1]" in line:
            delaying.discard(fd)
        elif name in WRITES:
            count += fd in delaying
    return count


def two_at_a_time(function, tasks):
    """The results: for exact counts, which do not depend on what else the
    machine does."""
    pool = concurrent.futures.ThreadPoolExecutor(2)
    try:
        return list(pool.map(lambda task: function(*task), tasks))
    finally:
        pool.shutdown(cancel_futures=True)


def work_units(work, i):
    return units(work, *work.exact[i])


def finish(processes, said=b""):
    """Waits for all, ours first; what they printed."""
    result = {}
    for process in processes:
        if "absent" in result:
            process.terminate()
        said += process.stdout.read()
        status = process.wait()
        for line in said.decode().splitlines():
            name, _, value = line.partition(" ")
            result[name] = float(value or 0)
        if status != 0 and "absent" not in result:
            process.errors.seek(0)
            complaint = process.errors.read().decode()
            for other in processes:
                other.terminate()
                other.wait()
            raise Failed("%s: status %d: %s" % (
                " ".join(process.args[2:]), status, complaint))
        said = b""
        process.errors.close()
        process.stdout.close()
    return result
