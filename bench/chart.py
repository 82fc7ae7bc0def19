"""The picture of RESULTS.md: CPU time of the bindings as a multiple of C's.
It brings its own background, so that it reads on light and dark pages."""
from xml.sax.saxutils import escape

from work import INSTEAD, TITLES

BARS = [("receive-16k", "receive 16 KiB"), ("receive-1m", "receive 1 MiB"),
        ("all-64m", 'receive "*a" 64 MiB'), ("send-16k", "send 16 KiB"),
        ("send-64m", "send 64 MiB"), ("ping-64", "ping-pong 64 B"),
        ("lines", "lines of 80 B"), ("connect", "handshake, client"),
        ("connect-resumed", "resumed, client"), ("accept", "handshake, server"),
        ("accept-resumed", "resumed, server")]
COLOURS = {"luassl": "#0b6bcb", "luasec": "#d97706", "luaossl": "#7a5195",
           "python": "#5f8a3c"}
LEFT, WIDTH, BAR, GAP, TOP = 170, 720, 11, 12, 64
MOST = 5.0  # longer bars are cut, with their value behind them


def text(x, y, words, more=""):
    return '<text x="%.1f" y="%.1f" %s>%s</text>' % (x, y, more, escape(words))


def scale(value):
    return min(value, MOST) / MOST * (WIDTH - LEFT - 60)


def legend(names):
    x = LEFT
    for name in names:
        yield '<rect x="%d" y="36" width="11" height="11" fill="%s"/>' % (
            x, COLOURS[name])
        yield text(x + 16, 46, TITLES[name])
        x += 34 + 7 * len(TITLES[name])


def group(y, title, values):
    """One workload: a bar a binding, [(name, multiple of C, note)]."""
    yield text(LEFT - 10, y + len(values) * BAR / 2 + 4, title,
               'text-anchor="end"')
    for name, value, note in values:
        yield ('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>' % (
            LEFT, y, scale(value), BAR - 1, COLOURS[name]))
        yield text(LEFT + scale(value) + 5, y + BAR - 2,
                   "%.2f%s%s" % (value, " ..." if value > MOST else "", note),
                   'font-size="10"')
        y += BAR


def groups(results):
    known = {work.name: work for work in results.works}
    for work_name, title in BARS:
        work, values = known.get(work_name), []
        instead = known.get(INSTEAD.get(work_name))
        limit = results.median(work, "c", "cpu") if work else None
        for name in COLOURS if limit else ():
            value, note = results.median(work, name, "cpu"), ""
            if value is None and instead and name in results.names:
                value = results.median(instead, name, "cpu")
                note = " (full)"
            if value is not None:
                values.append((name, value / limit, note))
        if values:
            yield title, values


def write(path, results):
    y, body = TOP, []
    for title, values in groups(results):
        body += group(y, title, values)
        y += len(values) * BAR + GAP
    line = LEFT + scale(1)
    body.append('<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#1f2328" '
                'stroke-dasharray="3 3"/>' % (line, TOP - 6, line, y))
    body.append(text(line, y + 12, "C = 1", 'text-anchor="middle"'))
    height = y + 24
    names = [name for name in COLOURS if name in results.names]
    with open(path, "w") as file:
        file.write('<svg xmlns="http://www.w3.org/2000/svg" width="%d" '
                   'height="%d" viewBox="0 0 %d %d" font-size="12" '
                   'font-family="sans-serif" fill="#1f2328">\n' % (
                       (WIDTH, height) * 2))
        file.write('<rect width="100%" height="100%" rx="8" '
                   'fill="#f6f8fa"/>\n')
        file.write(text(LEFT, 22, "CPU time as a multiple of pure C's: "
                        "shorter is better", 'font-weight="bold"') + "\n")
        file.write("\n".join(list(legend(names)) + body) + "\n</svg>\n")
