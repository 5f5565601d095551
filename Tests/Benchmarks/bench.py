#!/usr/bin/env python3
"""Measures `relay standalone` on this machine and holds the figures against their targets; README.md says how.

    bench.py cpu adaptive …      the named suites (all of them: `all`)
    bench.py soak --seconds 600  churn, then back to the baseline or a non-zero exit
    bench.py readme              the figures of README.md from the newest results

Only the standard library, gcc and nginx are needed; what is missing is installed.
"""

import argparse
import os
import shlex
import sys
import time

from harness import machine, report
from harness.console import Console
from harness.load import Load
from harness.soak import soak
from harness.suites import SUITES, Bench


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", default=["all"], metavar="SUITE", help=f"{', '.join(SUITES)}, all, soak or readme")
    parser.add_argument("--quick", action="store_true", help="short windows: for a look, not for the page")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="runs of each figure of the cpu suite; the median counts")
    parser.add_argument("--seconds", type=int, default=600, metavar="S", help="how long to soak")
    parser.add_argument("--relay", default=str(machine.RELAY), metavar="PATH", help="the release binary")
    parser.add_argument("--relay-flags", default="", metavar="FLAGS", help="more flags for it, in one quoted text")
    parser.add_argument("--write-readme", action="store_true", help="put the figures into README.md")
    options = parser.parse_args()
    known = {*SUITES, "all", "soak", "readme"}
    for name in options.what:
        if name not in known:
            parser.error(f"{name} is not a suite: {', '.join(sorted(known))}")
    return options


def titles():
    return {name: suite.__doc__.strip() for name, suite in SUITES.items()}


def run_suites(console, bench, about, names):
    """Runs them and says what was hit and missed; what is measured is on disk at once. Returns the number of misses."""
    missed = 0
    for name in names:
        console.say()
        console.say(f"{name}: {titles()[name]}")
        try:
            outcome = SUITES[name](bench)
        except machine.Trouble as trouble:
            console.say(f"  MISS  the suite did not end: {trouble}")
            missed += 1
            continue
        for verdict in outcome.verdicts:
            console.say(f"  {'pass' if verdict.passed else 'MISS'}  {verdict.target}: {verdict.measured}")
            missed += not verdict.passed
        path = report.save(about, bench.quick, name, outcome)
        console.say(f"  kept in {path.relative_to(machine.REPOSITORY)}")
    return missed


def main():
    options = parse()
    console = Console()
    if options.what == ["readme"]:
        report.write_page(SUITES, titles())
        return 0
    about = machine.describe()
    server_core, load_core = machine.cores()
    os.sched_setaffinity(0, {load_core})
    console.say(f"{about['date']}, commit {about['commit']}; {about['machine']}")
    console.say(f"server on core {server_core}, load on core {load_core}"
                + (" — one core for both: the figures mean little" if server_core == load_core else ""))
    machine.install_missing(console)
    load = Load(console, load_core, machine.build_load_tool())
    extra = tuple(shlex.split(options.relay_flags))
    begun = time.monotonic()
    if options.what == ["soak"]:
        return 0 if soak(console, load, server_core, options.relay, options.seconds, extra) else 1
    names = list(SUITES) if "all" in options.what else [name for name in options.what if name in SUITES]
    bench = Bench(console, load, server_core, options.relay, options.quick, max(1, options.repeat), extra)
    missed = run_suites(console, bench, about, names)
    if options.write_readme:
        report.write_page(SUITES, titles())
    console.say()
    console.say(f"{missed} targets missed; {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except machine.Trouble as trouble:
        print(f"\nbench: {trouble}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
