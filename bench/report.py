# SPDX-License-Identifier: MIT
"""What a bench found, as Markdown: words, tables of medians, and the goals with what was reached."""

import statistics


class Section:
    def __init__(self, key, title, words=""):
        self.key, self.title, self.lines, self.goals = key, title, [words] if words else [], []

    def say(self, words):
        self.lines.append(words)

    def table(self, head, rows):
        self.lines.append("\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]))

    def goal(self, what, reached, unit, least=None, most=None):
        """One of least and most; `unit` stands behind the numbers."""
        met = reached >= least if least is not None else reached <= most
        bound = "≥ %g%s" % (least, unit) if least is not None else "≤ %g%s" % (most, unit)
        self.goals.append((what, number(reached) + unit, bound, "yes" if met else "**no**", self.key))

    def missing(self, what, why):
        """A goal that was not measured."""
        self.goals.append((what, "not measured: " + why, "", "", self.key))


def number(x):
    """Three digits that count."""
    return "%.0f" % x if x >= 100 else "%.1f" % x if x >= 10 else "%.2f" % x if x >= 0.01 else "%.4f" % x


def median(results, what):
    return statistics.median(r[what] for r in results)


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))]


def sides_table(section, sides, rows):
    """sides: {name: results}; the last one is what the others are compared with."""
    base = list(sides)[-1]
    lines = []
    for name, results in sides.items():
        wall = median(results, "wall")
        walls = [r["wall"] for r in results]
        lines.append([name, number(wall), "%s–%s" % (number(min(walls)), number(max(walls))), "%.0f" % (rows / wall),
                      number(median(sides[base], "wall") / wall) + "x"]
                     + ["%.2f" % (1e6 * median(results, what) / rows) for what in ("client", "server")]
                     + ["%.2f" % (1e6 * statistics.median(r["client"] + r["server"] for r in results) / rows)])
    section.table(["", "seconds", "from–to", "rows/s", "against %s" % base, "client CPU µs/row", "server CPU µs/row", "both"], lines)
