"""Results on disk, and the block of figures in the README page."""

import json
import re

from . import machine
from .console import figure

RESULTS = machine.HERE / "results"
PAGE = machine.HERE / "README.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"


def save(about, quick, name, outcome):
    """Adds a suite to `results/<date>-<commit>.json`, where it replaces an earlier run at the same commit and day."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{about['date']}-{about['commit'].replace('+', '-changed')}{'-quick' if quick else ''}.json"
    suites = json.loads(path.read_text())["suites"] if path.exists() else {}
    suites[name] = {"columns": outcome.columns, "rows": outcome.rows, "verdicts": [vars(v) for v in outcome.verdicts]}
    path.write_text(json.dumps({**about, "quick": quick, "suites": suites}, indent=1, ensure_ascii=False) + "\n")
    return path


def newest_of_each(order):
    """For each suite its newest full measurement, with what stands above it."""
    found = {}
    files = sorted(RESULTS.glob("*.json"), key=lambda p: (json.loads(p.read_text())["date"], p.stat().st_mtime))
    for path in files:
        content = json.loads(path.read_text())
        if content["quick"]:
            continue
        for name, suite in content["suites"].items():
            found[name] = (content, suite)
    return [(name, *found[name]) for name in order if name in found]


def write_page(order, titles):
    """Rewrites the marked block of README.md from the newest full results."""
    lines = [BEGIN, ""]
    measured = newest_of_each(order)
    if not measured:
        lines += ["Nothing has been measured in full yet.", ""]
    else:
        lines += ["| suite | target | measured | |", "|---|---|---|---|"]
        for name, _, suite in measured:
            for verdict in suite["verdicts"]:
                lines.append(f"| {name} | {verdict['target']} | {verdict['measured']} | {'pass' if verdict['passed'] else '**miss**'} |")
        lines.append("")
    for name, content, suite in measured:
        lines += [f"### {name}", "", titles[name], "",
                  f"{content['date']}, commit {content['commit']}; {content['machine']}.", ""]
        lines.append("| " + " | ".join(suite["columns"]) + " |")
        lines.append("|---" + "|---:" * (len(suite["columns"]) - 1) + "|")
        lines += ["| " + " | ".join(figure(cell) for cell in row) + " |" for row in suite["rows"]]
        lines.append("")
    lines.append(END)
    page = PAGE.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(page):
        raise machine.Trouble(f"{PAGE} has lost its markers {BEGIN} and {END}")
    PAGE.write_text(pattern.sub(lambda _: "\n".join(lines), page))
