"""What the terminal shows: lines that stay, and a table as wide as the terminal."""

import shutil
import sys
import textwrap
import time


class Console:
    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.began = time.monotonic()

    def say(self, text=""):
        print(text, file=self.stream, flush=True)

    def begin(self, name, title):
        self.began = time.monotonic()
        self.say()
        self.say(f"{name}: {title}")

    def step(self, text):
        """A line of progress with the seconds since the scenario began."""
        for line in text.splitlines():
            self.say(f"  {time.monotonic() - self.began:6.1f} s  {line}")


def figure(value):
    """A measured value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        if abs(value) >= 100:
            return f"{value:.0f}"
        return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}".rstrip("0").rstrip(".") or "0"
    if isinstance(value, (list, tuple)):
        return ", ".join(figure(one) for one in value)
    return str(value)


def table(rows, headings, width=None):
    """Lines of a table in which only the last column may wrap."""
    width = width or shutil.get_terminal_size((100, 24)).columns
    fixed = [max(len(str(row[i])) for row in [headings, *rows]) for i in range(len(headings) - 1)]
    room = max(24, width - sum(fixed) - 2 * len(fixed))
    widest = max((len(line) for row in [headings, *rows] for line in str(row[-1]).split("\n")), default=0)
    lines = [
        "  ".join(h.ljust(w) for h, w in zip(headings, fixed)) + "  " + headings[-1],
        "  ".join("─" * w for w in fixed) + "  " + "─" * min(room, widest),
    ]
    for row in rows:
        pieces = [piece for text in str(row[-1]).split("\n") for piece in (textwrap.wrap(text, room) or [""])]
        for i, piece in enumerate(pieces):
            cells = row[:-1] if i == 0 else [""] * len(fixed)
            lines.append(("  ".join(str(c).ljust(w) for c, w in zip(cells, fixed)) + "  " + piece).rstrip())
    return lines
