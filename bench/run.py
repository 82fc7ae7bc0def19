"""The benchmark's runner: `make bench`, `make bench-gate`.

run.py bench|bench-gate BUILD LUA, and from the environment ROUNDS (9), WORK and
SUBJECTS (names, all of them by default; see work.py), VERSION (TLSv1.3),
CIPHER (AES-128-GCM)."""
import os
import signal
import subprocess
import sys
import time

import gate
import report
from measure import Bench, Failed, two_at_a_time
from work import WARM_UP, WORKS, subjects, units

HERE = os.path.dirname(os.path.abspath(__file__))
VERSIONS = {"TLSv1.3": ("0x0304", "TLS_AES_128_GCM_SHA256"),
            "TLSv1.2": ("0x0303", "ECDHE-ECDSA-AES128-GCM-SHA256")}


def setting(name, default):
    return os.environ.get(name) or default


def chosen(name, all_of_them):
    names = setting(name, "").replace(",", " ").split() or list(all_of_them)
    for wrong in set(names) - set(all_of_them):
        sys.exit("%s: no such name: %s; there are: %s" % (
            name, wrong, " ".join(all_of_them)))
    return names


def present(candidates, names):
    """name -> version, of the subjects that are here."""
    found = {}
    for name in names:
        answer = subprocess.run(candidates[name][1], capture_output=True,
                                text=True)
        if answer.returncode == 0:
            found[name] = " ".join(answer.stdout.split())
        else:
            print("absent: %s (make bench-deps)" % name)
    return found


def measure_times(bench, works, names, rounds):
    """(work, subject) -> a dictionary a round, rounds interleaved."""
    samples = {}
    for number in range(rounds):
        began = time.monotonic()
        for work in works:
            for name in names:
                if work.run is None or (work.name, name) in bench.absent:
                    continue
                said = bench.run(name, work, work.run)
                if "absent" in said:
                    bench.absent.add((work.name, name))
                    continue
                samples.setdefault((work.name, name), []).append(
                    per_unit(work, said))
        print("round %d of %d: %.0f s" % (number + 1, rounds,
                                          time.monotonic() - began),
              flush=True)
    return samples


def per_unit(work, said):
    said = dict(said)
    if "cpu" in said:
        said["cpu"] /= units(work, *work.run)
    if "memory" in said:
        said["memory"] /= units(work, *work.run)
    return said


def count(bench, work, name):
    if work.exact[1] is None:
        said = bench.run(name, work, work.exact[0])
        return {"memory": said["memory"] / (work.exact[0][0] - WARM_UP)}
    return bench.counts(name, work)


def measure_counts(bench, works, names):
    """(work, subject) -> exact counts per unit."""
    tasks = [(work, name) for work in works if work.exact for name in names]
    results = two_at_a_time(lambda *task: count(bench, *task), tasks)
    return {(work.name, name): result
            for (work, name), result in zip(tasks, results) if result}


def open_bench(build, lua):
    """The bench, the names of the subjects, and their versions."""
    candidates = subjects(lua, sys.executable, build)
    wanted = ["c", "luassl"] if sys.argv[1] == "bench-gate" else chosen(
        "SUBJECTS", candidates)
    versions = present(candidates, wanted)
    version = setting("VERSION", "TLSv1.3")
    if version not in VERSIONS:
        sys.exit("VERSION: one of " + " ".join(VERSIONS))
    number, cipher = VERSIONS[version]
    cipher = setting("CIPHER", cipher)
    pki = os.path.join(build, "bench", "pki")
    subprocess.run(["sh", os.path.join(HERE, "pki.sh"), pki], check=True)
    bench = Bench(os.path.join(build, "bench", "peer"), pki,
                  {name: candidates[name][0] for name in versions},
                  {"BENCH_VERSION": number, "BENCH_CIPHER": cipher})
    bench.absent = set()
    bench.protocol = "%s, %s" % (version, cipher)
    return bench, versions


def main():
    mode, build, lua = sys.argv[1:]
    bench, versions = open_bench(os.path.abspath(build), lua)

    def stop(_signal, _frame):
        bench.close()
        os._exit(1)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        if mode == "bench-gate":
            sys.exit(gate.run(bench))
        names = chosen("WORK", [work.name for work in WORKS])
        works = [work for work in WORKS if work.name in names]
        rounds = int(setting("ROUNDS", "9"))
        began = time.monotonic()
        samples = measure_times(bench, works, list(versions), rounds)
        times = time.monotonic() - began
        counts = measure_counts(bench, works, list(versions))
        print("times %.0f s, counts %.0f s" % (
            times, time.monotonic() - began - times))
        complete = rounds >= 9 and not any(
            os.environ.get(name)
            for name in ("WORK", "SUBJECTS", "VERSION", "CIPHER"))
        report.write(report.Results(samples, counts, works, versions,
                                    bench.protocol, rounds), complete)
    except Failed as failure:
        sys.exit("bench: %s" % failure)
    finally:
        bench.close()


main()
