"""What a run of the benchmark leaves: tables, CSV, RESULTS.md, a chart."""
import csv
import datetime
import itertools
import os
import platform
import statistics

import chart
from work import AIMS, INSTEAD, TITLES, WORKS

HERE = os.path.dirname(os.path.abspath(__file__))
BY_NAME = {work.name: work for work in WORKS}
NOTHING = "-"


class Results:
    """Medians of the samples, beside the exact counts."""

    def __init__(self, samples, counts, works, versions, protocol, rounds):
        self.samples, self.counts, self.works = samples, counts, works
        self.versions, self.protocol = versions, protocol
        self.rounds = rounds
        self.names = list(versions)

    def values(self, work, name, quantity):
        """All rounds of it, in microseconds, KiB or what was counted."""
        scale = {"cpu": 1e6, "wall": 1e6, "first": 1e6,
                 "memory": 1 / 1024}[quantity]
        rounds = self.samples.get((work.name, name), [])
        found = [said[quantity] for said in rounds if quantity in said]
        if not found and quantity in self.counts.get((work.name, name), {}):
            found = [self.counts[work.name, name][quantity]]
        return [value * scale for value in found]

    def median(self, work, name, quantity):
        found = self.values(work, name, quantity)
        return statistics.median(found) if found else None


def rows(results):
    """(work, quantity, title, unit) of everything that is not a count."""
    for work in results.works:
        if work.name == "greet":
            yield work, "wall", work.title, "us wall / " + work.unit
        elif work.run is None:
            yield work, "memory", work.title, "KiB / " + work.unit
        elif work.name == "context":
            yield work, "first", "first context, system CAs", "us / context"
            yield work, "cpu", work.title, "us / context"
            yield work, "memory", "memory of a further context", \
                "KiB / context"
        else:
            yield work, "cpu", work.title, "us / " + work.unit


def number(value):
    if value is None:
        return NOTHING
    if abs(value) >= 1000:
        return "{:,.0f}".format(value)
    return "%.*f" % (3 if value < 1 else 2 if value < 10 else 1, value)


def ratio(ours, theirs):
    """Two digits after the point, or two that count."""
    if ours is None or not theirs:
        return NOTHING
    value = ours / theirs
    return "%.2f" % value if value >= 0.095 else "%.2g" % value


def times_table(results):
    others = [name for name in results.names if name != "luassl"]
    head = ["workload", "unit"] + [TITLES[name] for name in results.names]
    if "luassl" in results.names:
        head += ["LuaSSL / " + TITLES[name] for name in others]
    table = [head]
    for work, quantity, title, unit in rows(results):
        medians = {name: results.median(work, name, quantity)
                   for name in results.names}
        shown = {name: number(value) for name, value in medians.items()}
        for name in others:
            instead = BY_NAME[INSTEAD.get(work.name, work.name)]
            if medians[name] is None and instead in results.works:
                medians[name] = results.median(instead, name, quantity)
                if medians[name] is not None:
                    shown[name] = "(%s)" % number(medians[name])
        row = [title, unit] + [shown[name] for name in results.names]
        if "luassl" in results.names:
            row += [ratio(medians["luassl"], medians[name])
                    for name in others]
        table.append(row)
    return table


def counts_table(results, quantity):
    others = [name for name in results.names if name != "luassl"]
    head = ["workload", "unit"] + [TITLES[name] for name in results.names]
    if "luassl" in results.names:
        head += ["LuaSSL / " + TITLES[name] for name in others]
    table = [head]
    for work in results.works:
        if not work.exact or work.exact[1] is None:
            continue
        found = {name: results.counts.get((work.name, name), {}).get(quantity)
                 for name in results.names}
        row = [work.title, work.unit] + [number(found[name])
                                         for name in results.names]
        if "luassl" in results.names:
            row += [ratio(found["luassl"], found[name]) for name in others]
        table.append(row)
    return table


def aims_table(results):
    """The aims that are ratios: measured, and the aim behind it."""
    table = [["workload", "/ C", "/ LuaSec", "/ Python", "/ SSLSocket"]]
    for work_name, quantity, base, aims in AIMS:
        work = BY_NAME[work_name]
        if work not in results.works:
            continue
        ours = results.median(work, "luassl", quantity)
        row = [work.title]
        for name, aim in itertools.zip_longest(
                ("c", "luasec", "python", "luassl"), aims):
            theirs = results.median(BY_NAME[base.get(name, work_name)], name,
                                    quantity)
            if aim is None or ours is None or not theirs:
                row.append(NOTHING)
                continue
            row.append("%s %s %s" % (
                ratio(ours, theirs), "<=" if ours <= aim * theirs else "**>**",
                aim))
        table.append(row)
    return table


def markdown(table):
    lines = ["| " + " | ".join(row) + " |" for row in table]
    lines.insert(1, "|" + "|".join(
        ["---"] + ["--:"] * (len(table[0]) - 1)) + "|")
    return "\n".join(lines)


def plain(table):
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join("  ".join(
        cell.ljust(width) if i == 0 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(row, widths))) for row in table)


def processor():
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                return "%s, %d cores" % (
                    line.split(":", 1)[1].strip(), os.cpu_count())
    return platform.machine()


def command(results):
    chosen = ["%s='%s'" % (name, os.environ[name])
              for name in ("ROUNDS", "WORK", "SUBJECTS", "VERSION", "CIPHER")
              if os.environ.get(name)]
    return " ".join(["make bench"] + chosen)


def document(results, picture):
    about = ["%s: %s" % (TITLES[name], version)
             for name, version in results.versions.items()]
    with open(os.path.join(HERE, "RESULTS.head.md")) as file:
        head = file.read()
    tables = [("CPU time, wall time and memory", times_table(results)),
              ("Against the aims", aims_table(results)),
              ("Instructions", counts_table(results, "instructions")),
              ("System calls", counts_table(results, "calls"))]
    parts = [head.format(
        date=datetime.date.today().isoformat(), command=command(results),
        processor=processor(), kernel=platform.release(),
        protocol=results.protocol, rounds=results.rounds, picture=picture,
        versions="\n".join("* " + line for line in about))]
    parts += ["## %s\n\n%s\n" % (title, markdown(table))
              for title, table in tables]
    with open(os.path.join(HERE, "RESULTS.tail.md")) as file:
        return "\n".join(parts + [file.read()])


def write_times(path, results):
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["workload", "quantity", "unit", "subject", "median",
                      "least", "most", "rounds"])
        for work, quantity, _title, unit in rows(results):
            for name in results.names:
                found = results.values(work, name, quantity)
                if found:
                    out.writerow([work.name, quantity, unit, name] + [
                        "%.4f" % value for value in (
                            statistics.median(found), min(found),
                            max(found))] + [len(found)])


def write_counts(path, results):
    kinds = ["instructions", "calls", "writes", "wire"]
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["workload", "unit", "subject"] + kinds)
        for work in results.works:
            for name in results.names:
                found = results.counts.get((work.name, name), {})
                if "instructions" in found:
                    out.writerow([work.name, work.unit, name] + [
                        "%.2f" % found[kind] for kind in kinds])


def write(results, complete):
    """Prints the tables; writes the files, under other names if the run was
    a part: then nothing that is published changes."""
    for table in (times_table(results), aims_table(results),
                  counts_table(results, "instructions"),
                  counts_table(results, "calls")):
        if len(table) > 1:
            print("\n" + plain(table))
    directory = os.path.join(HERE, "results")
    os.makedirs(directory, exist_ok=True)
    prefix = "" if complete else "partial-"

    def path(name):
        return os.path.join(directory, prefix + name)
    write_times(path("times.csv"), results)
    write_counts(path("counts.csv"), results)
    chart.write(path("chart.svg"), results)
    page = (os.path.join(HERE, "RESULTS.md") if complete
            else path("RESULTS.md"))
    with open(page, "w") as file:
        file.write(document(results, "results/chart.svg" if complete
                            else "partial-chart.svg"))
    print("\nwritten: %s and %s*" % (page, os.path.join(directory, prefix)))
