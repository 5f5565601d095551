"""Judging, without processes or clocks: what was measured goes in, pass or fail comes out. test_judge.py shows that each of
these can fail."""

import math

from .console import figure


class Checks:
    """The assertions of one scenario. Each is said as it is made; none stops the scenario, so that all figures are seen."""

    def __init__(self, console=None):
        self.console = console
        self.made = []

    def check(self, what, measured, passed, target):
        """Keeps and says one assertion. What was not measured has failed."""
        passed = bool(passed) and measured is not None and not (isinstance(measured, float) and math.isnan(measured))
        self.made.append({"what": what, "measured": measured, "target": target, "passed": passed})
        if self.console:
            self.console.step(f"{'pass' if passed else 'FAIL'}  {what}: {figure(measured)} ({target})")
        return passed

    def at_most(self, what, measured, limit, unit=""):
        return self.check(
            what, measured, measured is not None and measured <= limit, f"at most {figure(limit)}{unit and ' ' + unit}"
        )

    def at_least(self, what, measured, limit, unit=""):
        return self.check(
            what, measured, measured is not None and measured >= limit, f"at least {figure(limit)}{unit and ' ' + unit}"
        )

    def equal(self, what, measured, wanted):
        return self.check(what, measured, measured == wanted, f"{figure(wanted)}")

    def true(self, what, measured):
        return self.check(what, measured, measured is True, "yes")

    @property
    def passed(self):
        """A scenario without an assertion has not passed."""
        return bool(self.made) and all(check["passed"] for check in self.made)


def percentile(values, share):
    """The smallest value that `share` percent are not above; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


def median(values):
    return percentile(values, 50)


def longest_gap(viewers, after=0.0, before=math.inf):
    """The longest time without media of any viewer that overlaps the window, ms; 0 when there was none."""
    return max(
        (to - start for viewer in viewers for start, to, _ in viewer.gaps if to > after and start < before), default=0.0
    )


def resumption(viewers, fault, keyframe, patience=30_000.0):
    """How long after the publisher's keyframe the slowest viewer had media again, ms: the end of its gap over the keyframe. A
    viewer without such a gap never stood still. None when a viewer's gap did not end within the patience."""
    slowest = 0.0
    for viewer in viewers:
        ends = [to for start, to, _ in viewer.gaps if start < keyframe and to >= keyframe and to > fault]
        if not ends:
            continue
        if ends[0] - keyframe > patience:
            return None
        slowest = max(slowest, ends[0] - keyframe)
    return slowest


def stood_still(viewers, fault, keyframe):
    """Viewers with a gap that covers the keyframe. In a fault that must be noticed it is all of them: else the fault missed."""
    return sum(any(start < keyframe and to > fault for start, to, _ in viewer.gaps) for viewer in viewers)


def owners_over_time(samples):
    """(instant, owner, epoch) samples as a list of changes [(owner, epoch)…], without repetitions."""
    changes = []
    for _, owner, epoch in samples:
        if not changes or changes[-1] != (owner, epoch):
            changes.append((owner, epoch))
    return changes


def epochs_fell(samples):
    """How often an observer saw an epoch lower than one it had seen."""
    highest, falls = 0, 0
    for _, _, epoch in samples:
        falls += epoch < highest
        highest = max(highest, epoch)
    return falls


def came_back(samples, old, after):
    """How often `old` was seen as the owner after an instant from which it must not be."""
    return sum(owner == old for at, owner, _ in samples if at >= after)


def ratio(measured, baseline):
    """None when there is nothing to divide by: not measured is not passed."""
    if measured is None or not baseline:
        return None
    return measured / baseline


def slower(measured, baseline, factor, slack):
    """Whether a duration is longer than `factor` times the baseline, by more than the slack: on joins of some milliseconds a
    ratio alone would judge the scheduler."""
    if measured is None or baseline is None:
        return True
    return measured > baseline * factor and measured - baseline > slack
