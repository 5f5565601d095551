"""Publishers and viewers whose video can be checked frame by frame: `relayctl publish --verifiable` and `relayctl verify`.

What they print is read in this file and nowhere else. A field that is missing ends the scenario: taken for zero, it would
make an assertion that cannot fail.
"""

import json
import signal

from .machine import Trouble, wait_until
from .process import Child

START_SECONDS = 15


def field(record, name, what):
    if name not in record or record[name] is None:
        raise Trouble(f"{what} says nothing of '{name}': {json.dumps(record)[:200]}")
    return record[name]


class Publisher:
    """A test publisher with one JSON line per change of state. Its URLs are tried in turn, again each `retry` seconds."""

    def __init__(
        self,
        lab,
        urls,
        name="publisher",
        fps=30,
        key_interval=30,
        bitrate=1_000_000,
        session=1,
        retry="1s",
        aligned=False,
        seconds=None,
        more=(),
    ):
        self.urls = list(urls)
        self.fps, self.key_interval = fps, key_interval
        words = [
            lab.relayctl,
            "publish",
            "--verifiable",
            "--fps",
            fps,
            "--key-interval",
            key_interval,
            "--bitrate",
            bitrate,
            "--session",
            session,
            "--retry",
            retry,
            "-o",
            "json",
        ]
        if aligned:
            words.append("--aligned")
        if seconds:
            words += ["--seconds", seconds]
        self.child = Child(lab.children, name, [*words, *more, *self.urls], lab.folder / "media")

    @property
    def gop_ms(self):
        return 1000 * self.key_interval / self.fps

    def start(self, wait=True):
        self.child.start()
        if wait:
            wait_until(f"{self.child.name} publishes", START_SECONDS, self.first_keyframe)
        return self

    def events(self):
        """All lines so far, oldest first."""
        if not self.child.output.exists():
            return []
        found = []
        for line in self.child.output.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # the line that is being written
        return found

    def seen(self, kind, after=0.0):
        """Events of a kind (`connected`, `keyframe`, `lost`, …) at or after an instant, ms since 1970."""
        return [event for event in self.events() if event.get("event") == kind and event.get("wallMs", 0) >= after]

    def first_keyframe(self, after=0.0):
        """When the first keyframe went out after an instant, ms since 1970; None when it has not."""
        found = self.seen("keyframe", after)
        return found[0]["wallMs"] if found else None

    def wait_keyframe(self, after, seconds=30):
        return wait_until(f"{self.child.name} sends a keyframe again", seconds, lambda: self.first_keyframe(after))

    def end(self):
        return self.child.end(signal.SIGINT)


class Verifier:
    """Viewers that check every frame. Each of the URLs gets its share of them."""

    def __init__(self, lab, urls, viewers, seconds, name="viewers", reconnect=True, more=()):
        words = [lab.relayctl, "verify", "--viewers", viewers, "--seconds", seconds, "-o", "json"]
        if reconnect:
            words.append("--reconnect")
        self.seconds = seconds
        self.viewers = viewers
        self.child = Child(lab.children, name, [*words, *more, *urls], lab.folder / "media")

    def start(self):
        self.child.start()
        return self

    def report(self, wait=None):
        """Asks for the end (or waits for it, when told how long) and returns what the viewers saw."""
        if wait is None:
            self.child.end(signal.SIGINT, seconds=20)
        else:
            self.child.wait(wait)
        text = self.child.output.read_text(errors="replace") if self.child.output.exists() else ""
        return read_report(text, self.child.tail())


def read_report(text, words=""):
    """The JSON object of `relayctl verify`, whatever lines of progress come before it."""
    start = text.find("{")
    while start >= 0:
        try:
            whole, _ = json.JSONDecoder().raw_decode(text[start:])
        except json.JSONDecodeError:
            whole = None
        if isinstance(whole, dict) and "viewers" in whole:
            return Report(whole)
        start = text.find("{", start + 1)
    raise Trouble(f"the viewers left no report:\n{words}")


class Report:
    """What all viewers of a verifier saw."""

    def __init__(self, whole):
        self.whole = whole
        self.viewers = [Seen(record) for record in field(whole, "viewers", "the report")]

    def total(self, name):
        return sum(getattr(viewer, name) for viewer in self.viewers)

    def most(self, name):
        return max((getattr(viewer, name) for viewer in self.viewers), default=0)

    def least(self, name):
        return min((getattr(viewer, name) for viewer in self.viewers), default=0)


class Seen:
    """What one viewer saw: the report of one checker."""

    def __init__(self, viewer):
        self.url = field(viewer, "url", "a viewer")
        record = field(viewer, "report", "a viewer")

        def get(name):
            return field(record, name, "a viewer's report")

        tracks = [get("video"), get("audio")]

        def both(name):
            return sum(field(track, name, "a track") for track in tracks)

        self.frames, self.lost, self.duplicates = both("frames"), both("lost"), both("duplicates")
        self.replayed = both("replayed")
        #: Between the last frame of a publisher's session and the first of the next one; and inside the sessions after it.
        self.lost_at_switches, self.lost_after_switches = both("lostAtSwitches"), both("lostAfterSwitches")
        self.missing_references, self.undecodable = get("missingReferences"), get("undecodable")
        self.disconnects = get("disconnects")
        broken = {violation["rule"]: violation["count"] for violation in get("violations")}
        self.disorder = both("outOfOrder") + broken.get("timestamps", 0)
        self.corrupt = broken.get("damage", 0) + broken.get("foreign", 0) + broken.get("sequenceHeaders", 0)
        #: Frames of a publisher's session that had been left for another one.
        self.interleaved = broken.get("sessions", 0)
        self.switches = len(get("switches"))
        #: (from, to, frames lost in it), ms since 1970: no frame in between, longer than the checker's threshold.
        self.gaps = [
            (at := field(gap, "atWallMs", "a gap"), at + field(gap, "ms", "a gap"), field(gap, "framesLost", "a gap"))
            for gap in get("gaps")
        ]
        self.disconnections = get("disconnections")
        #: Every number from the first frame to the last is either here or counted as lost.
        self.unaccounted = sum(unaccounted(track) for track in tracks)

    def media_again(self, after):
        """Milliseconds from an instant to the first frame of the connection after the one that broke then; None when there
        was none."""
        for one in self.disconnections:
            if one["atWallMs"] >= after - 1 and one.get("backAfterMs") is not None:
                return one["atWallMs"] + one["backAfterMs"] - after
        return None


def unaccounted(track):
    """How far frames and losses are from the numbers of a track; 0 for one without frames."""
    first, last = track.get("firstNumber"), track.get("lastNumber")
    if first is None or last is None:
        return 0
    return abs(last - first + 1 - track["frames"] - track["lost"])
