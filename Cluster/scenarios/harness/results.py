"""Results on disk, and the table of the README page."""

import json
import re

from . import machine
from .console import figure

RESULTS = machine.HERE / "results"
PAGE = machine.HERE / "README.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def save(about, quick, outcomes, path=None):
    """Adds the scenarios to `results/<date>-<commit>[-quick].json`, where they replace earlier runs of theirs."""
    if path is None:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{about['date']}-{about['commit'].replace('+', '-changed')}{'-quick' if quick else ''}.json"
    known = {}
    if path.exists():
        try:
            known = json.loads(path.read_text())["scenarios"]
        except (ValueError, KeyError):
            known = {}
    known.update(outcomes)
    path.write_text(json.dumps({**about, "quick": quick, "scenarios": known}, indent=1, ensure_ascii=False) + "\n")
    return path


def newest_of_each(order, files=None):
    """For each scenario its newest run in full length; a quick one where there is none."""
    found = {}
    contents = [
        json.loads(path.read_text())
        for path in (files or sorted(RESULTS.glob("*.json"), key=lambda p: p.stat().st_mtime))
    ]
    contents.sort(key=lambda content: (not content["quick"], content["date"]))
    for content in contents:
        for name, outcome in content["scenarios"].items():
            found[name] = (content, outcome)
    return [(name, *found[name]) for name in order if name in found]


def measured(outcome):
    """What a scenario found, in one cell: its checks, and why it ended if it did not get there."""
    words = [
        f"{check['what']} **{figure(check['measured'])}** ({check['target']}){'' if check['passed'] else ' ✗'}"
        for check in outcome["checks"]
    ]
    if outcome.get("trouble"):
        words.append(f"did not end: {outcome['trouble'].splitlines()[0]}")
    return "; ".join(words).replace("|", "\\|")


def page_lines(rows):
    lines = [BEGIN, ""]
    if not rows:
        return [*lines, "Nothing has been run yet.", "", END]
    lines += ["| scenario | | measured (wanted) | seen |", "|---|---|---|---|"]
    for name, content, outcome in rows:
        result = "pass" if outcome["passed"] else "**fail**"
        seen = f"{content['date']}, {content['commit']}{', quick' if content['quick'] else ''}"
        lines.append(f"| {name} | {result} | {measured(outcome)} | {seen} |")
    machines = sorted({content["machine"] for _, content, _ in rows})
    return [*lines, "", *(f"Machine: {one}." for one in machines), "", END]


def write_page(order):
    """Rewrites the marked block of README.md from the newest results."""
    page = PAGE.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(page):
        raise machine.Trouble(f"{PAGE} has lost its markers {BEGIN} and {END}")
    PAGE.write_text(pattern.sub(lambda _: "\n".join(page_lines(newest_of_each(order))), page))
