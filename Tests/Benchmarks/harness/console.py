"""What the terminal shows: tables that grow row by row, and one line of progress below them."""

import sys
import time

WIDTH = 100
#: Where the output is a file, a line of progress this often is enough.
QUIET_SECONDS = 10


class Console:
    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.is_terminal = self.stream.isatty()
        self.shown = 0
        self.last_line = 0.0

    def say(self, text=""):
        """A line that stays."""
        self._clear()
        print(text, file=self.stream, flush=True)

    def progress(self, text):
        """A line that the next one replaces."""
        text = text.strip()[: WIDTH - 4]
        if self.is_terminal:
            print("\r  " + text.ljust(self.shown), end="", file=self.stream, flush=True)
            self.shown = max(self.shown, len(text))
        elif time.monotonic() - self.last_line >= QUIET_SECONDS:
            self.last_line = time.monotonic()
            print("  … " + text, file=self.stream, flush=True)

    def _clear(self):
        if self.shown:
            print("\r" + " " * (self.shown + 2) + "\r", end="", file=self.stream)
            self.shown = 0


def figure(value):
    """A cell: three decimals below ten, fewer above; a hyphen for what was not measured."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


class Table:
    """Columns as (heading, width); text columns are left-aligned, all others right-aligned."""

    def __init__(self, console, columns):
        self.console = console
        self.columns = columns
        console.say("  " + "  ".join(self._place(h, w, i) for i, (h, w) in enumerate(columns)))
        console.say("  " + "  ".join("─" * w for _, w in columns))

    def row(self, cells):
        self.console.say("  " + "  ".join(
            self._place(figure(c), w, i) for i, (c, (_, w)) in enumerate(zip(cells, self.columns))))

    def _place(self, text, width, index):
        return text.ljust(width) if index == 0 else text.rjust(width)
