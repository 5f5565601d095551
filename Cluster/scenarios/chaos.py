#!/usr/bin/env python3
"""Breaks real clusters on this machine and holds what viewers see against what was promised; README.md says how.

    chaos.py                     every scenario, about half an hour
    chaos.py --quick             shorter faults and smaller crowds: for CI and for a look
    chaos.py origin-kill redis-* some of them
    chaos.py --list              their names and what they do

Only the standard library, redis-server and the built relay are needed (gcc and make for the crowds). Ends 0 when all passed.
"""

import argparse
import fnmatch
import pathlib
import shutil
import signal
import sys
import time
import traceback

from faults import load_all
from harness import machine, results
from harness.cluster import Lab, Skipped
from harness.console import Console, figure, table
from harness.machine import Trouble
from harness.process import undisturbed


class OutOfTime(BaseException):
    """A scenario's limit is over. No `except Exception` on the way may keep it."""


def parse(scenarios):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="scenarios, also with * (all of them)")
    parser.add_argument("--quick", action="store_true", help="shorter faults and smaller crowds")
    parser.add_argument("--list", action="store_true", help="what there is")
    parser.add_argument(
        "--bin",
        type=pathlib.Path,
        default=machine.BUILD / "release",
        metavar="DIR",
        help="where relay and relayctl are",
    )
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the results here, not into results/")
    parser.add_argument("--keep", action="store_true", help="keep all logs, not only those of what failed")
    parser.add_argument(
        "--logs", type=pathlib.Path, default=machine.BUILD / "chaos", metavar="DIR", help="folder of folders"
    )
    parser.add_argument(
        "--write-readme", action="store_true", help="put the newest results into README.md (with --list: only that)"
    )
    options = parser.parse_args()
    options.bin = options.bin.absolute()
    chosen = []
    for word in options.names or ["*"]:
        found = [name for name in scenarios if fnmatch.fnmatchcase(name, word)]
        if not found:
            parser.error(f"{word} is no scenario; --list shows them")
        chosen += [name for name in found if name not in chosen]
    options.names = chosen
    return options


def run_one(scenario, console, options):
    """Runs it in its own folder and returns its outcome, None when this machine cannot run it. Whatever happens, everything it
    began is ended."""
    console.begin(scenario.name, scenario.title)
    began = time.monotonic()
    lab = Lab(scenario.name, console, options, options.logs.resolve() / scenario.name)
    trouble, skipped = None, None

    def over(*_):
        raise OutOfTime(f"it did not end within its limit of {scenario.limit} s")

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, scenario.limit)
    try:
        scenario.run(lab)
        lab.finish()
    except Skipped as why:
        skipped = str(why)
    except (Trouble, OutOfTime) as error:
        trouble = str(error)
    except Exception as error:  # a mistake of the scenario itself is a failure of it, not of those after it
        trouble = f"{type(error).__name__}: {error}"
        (lab.folder / "traceback").write_text(traceback.format_exc())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        with undisturbed():
            lab.close()
    if trouble:
        console.step(f"FAIL  it did not end: {trouble}")
    if skipped:
        console.step(f"SKIPPED: {skipped}")
        shutil.rmtree(lab.folder, ignore_errors=True)
        return None
    passed = trouble is None and lab.checks.passed
    if passed and not options.keep:
        shutil.rmtree(lab.folder, ignore_errors=True)
    else:
        console.step(f"logs: {lab.folder}")
    for name, value in lab.figures.items():
        console.step(f"      {name.replace('_', ' ')}: {figure(value)}")
    console.step("PASS" if passed else "FAIL")
    return {
        "passed": passed,
        "seconds": round(time.monotonic() - began, 1),
        "checks": lab.checks.made,
        "figures": lab.figures,
        "trouble": trouble,
    }


def summary(outcomes):
    """The table at the end: one row per scenario, a line per check that failed, else the checks in short."""
    rows = []
    for name, outcome in outcomes.items():
        failed = [c for c in outcome["checks"] if not c["passed"]]
        words = [f"{c['what']} {figure(c['measured'])}, wanted {c['target']}" for c in failed]
        if outcome["trouble"]:
            words.append(f"did not end: {outcome['trouble'].splitlines()[0]}")
        if not words:
            words = ["; ".join(f"{c['what']} {figure(c['measured'])}" for c in outcome["checks"])]
        rows.append([name, "PASS" if outcome["passed"] else "FAIL", f"{outcome['seconds']:.0f} s", "\n".join(words)])
    return table(rows, ["scenario", "", "took", "measured"])


def stop(*_):
    raise KeyboardInterrupt


def main():
    scenarios = load_all()
    options = parse(scenarios)
    console = Console()
    if options.list:
        for line in table([[s.name, s.title] for s in scenarios.values()], ["scenario", "what it does"]):
            console.say(line)
        if options.write_readme:
            results.write_page(scenarios)
        return 0
    for program, hint in (
        (options.bin / "relay", "swift build -c release --product relay"),
        (options.bin / "relayctl", "swift build -c release --product relayctl"),
        ("redis-server", "apt-get install redis-server"),
    ):
        if not shutil.which(str(program)):
            raise Trouble(f"{program} is not there: {hint}")
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    about = machine.describe()
    console.say(f"{about['date']}, commit {about['commit']}; {about['machine']}" + ("; quick" if options.quick else ""))
    outcomes, skipped, code = {}, [], 0
    try:
        for name in options.names:
            outcome = run_one(scenarios[name], console, options)
            if outcome:
                outcomes[name] = outcome
            else:
                skipped.append(name)
    except KeyboardInterrupt:
        console.say("\nstopped; everything that was begun is ended")
        code = 130
    if outcomes:
        path = results.save(about, options.quick, outcomes, options.json)
        console.say()
        for line in summary(outcomes):
            console.say(line)
        console.say()
        passed = sum(outcome["passed"] for outcome in outcomes.values())
        console.say(f"{passed} of {len(outcomes)} passed; kept in {path}")
        if skipped:
            console.say(f"skipped: {', '.join(skipped)}")
        code = code or (0 if passed == len(outcomes) else 1)
    if options.write_readme:
        results.write_page(scenarios)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Trouble as trouble:
        print(f"chaos: {trouble}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
