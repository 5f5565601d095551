"""The judging can fail: each rule is shown a case that it must accept and one that it must refuse.

cd Cluster/scenarios && python3 -m unittest -q test_judge
"""

import json
import math
import pathlib
import socket
import tempfile
import threading
import time
import types
import unittest

from faults import load_all
from harness import judge, results
from harness.console import figure, table
from harness.machine import Trouble, free_ports
from harness.media import Report, Seen, read_report
from harness.proxy import BLACKHOLE, PASS, REFUSE, TcpProxy


def viewer(*gaps):
    return types.SimpleNamespace(gaps=[(a, b, 0) for a, b in gaps])


def track(**changes):
    whole = {
        "frames": 9,
        "lost": 0,
        "lostAtSwitches": 0,
        "lostAfterSwitches": 0,
        "duplicates": 0,
        "outOfOrder": 0,
        "replayed": 0,
        "firstNumber": 1,
        "lastNumber": 9,
    }
    return {**whole, **changes}


def record(**changes):
    """A viewer of a report, with changes inside its checker's report."""
    whole = {
        "video": track(),
        "audio": track(),
        "missingReferences": 0,
        "undecodable": 0,
        "disconnects": 0,
        "violations": [],
        "switches": [],
        "gaps": [],
        "disconnections": [],
    }
    return {"url": "rtmp://h/a/b", "report": {**whole, **changes}}


class ChecksTests(unittest.TestCase):
    def test_a_scenario_without_assertions_has_not_passed(self):
        self.assertFalse(judge.Checks().passed)

    def test_one_missed_figure_fails_the_scenario(self):
        checks = judge.Checks()
        checks.at_most("a", 3, 3)
        self.assertTrue(checks.passed)
        checks.at_most("b", 3.01, 3)
        self.assertFalse(checks.passed)

    def test_what_was_not_measured_has_failed(self):
        for made in (
            lambda c: c.at_most("x", None, 3),
            lambda c: c.at_least("x", None, 3),
            lambda c: c.equal("x", None, None),
            lambda c: c.at_most("x", math.nan, 3),
            lambda c: c.at_least("x", math.nan, 3),
            lambda c: c.true("x", None),
        ):
            checks = judge.Checks()
            made(checks)
            self.assertFalse(checks.passed)

    def test_bounds_work_in_their_direction(self):
        checks = judge.Checks()
        self.assertTrue(checks.at_least("x", 3, 3))
        self.assertFalse(checks.at_least("x", 2, 3))
        self.assertTrue(checks.equal("x", 0, 0))
        self.assertFalse(checks.equal("x", 1, 0))
        self.assertFalse(checks.true("x", 1))


class MediaTests(unittest.TestCase):
    def test_percentiles(self):
        self.assertIsNone(judge.percentile([], 50))
        self.assertEqual(judge.percentile([5], 99), 5)
        self.assertEqual(judge.percentile(range(1, 101), 99), 99)
        self.assertEqual(judge.median([3, 1, 2]), 2)

    def test_the_longest_gap_is_looked_for_in_the_window_only(self):
        viewers = [viewer((0, 900), (2000, 2100)), viewer((2050, 2300))]
        self.assertEqual(judge.longest_gap(viewers, after=1000), 250)
        self.assertEqual(judge.longest_gap(viewers), 900)
        self.assertEqual(judge.longest_gap(viewers, after=1000, before=2040), 100)
        self.assertEqual(judge.longest_gap([]), 0)

    def test_resumption_is_from_the_keyframe_to_the_slowest_viewer(self):
        viewers = [viewer((100, 1050)), viewer((100, 1300)), viewer()]
        self.assertEqual(judge.resumption(viewers, fault=100, keyframe=1000), 300)
        self.assertEqual(judge.stood_still(viewers, fault=100, keyframe=1000), 2)

    def test_a_gap_before_the_fault_is_not_a_resumption(self):
        self.assertEqual(judge.resumption([viewer((0, 50))], fault=100, keyframe=1000), 0)
        self.assertEqual(judge.stood_still([viewer((0, 50))], fault=100, keyframe=1000), 0)

    def test_a_viewer_that_stays_dark_is_not_measured(self):
        self.assertIsNone(judge.resumption([viewer((100, 99000))], fault=100, keyframe=1000))


class OwnerTests(unittest.TestCase):
    samples = [(1, "o1", 4), (2, "o1", 4), (3, "o2", 5), (4, "o1", 4), (5, "o2", 5)]

    def test_an_epoch_that_falls_is_counted(self):
        self.assertEqual(judge.epochs_fell(self.samples), 1)
        self.assertEqual(judge.epochs_fell(self.samples[:3]), 0)

    def test_an_old_owner_that_comes_back_is_counted(self):
        self.assertEqual(judge.came_back(self.samples, "o1", after=3), 1)
        self.assertEqual(judge.came_back(self.samples, "o1", after=5), 0)

    def test_changes_are_without_repetitions(self):
        self.assertEqual(judge.owners_over_time(self.samples), [("o1", 4), ("o2", 5), ("o1", 4), ("o2", 5)])


class RatioTests(unittest.TestCase):
    def test_nothing_to_compare_with_is_not_measured(self):
        self.assertIsNone(judge.ratio(1, 0))
        self.assertIsNone(judge.ratio(None, 2))
        self.assertEqual(judge.ratio(3, 2), 1.5)

    def test_slower_needs_both_the_factor_and_the_slack(self):
        self.assertFalse(judge.slower(119, 100, 1.2, 5))
        self.assertTrue(judge.slower(126, 100, 1.2, 5))
        self.assertFalse(judge.slower(6, 3, 1.2, 5))
        self.assertTrue(judge.slower(None, 3, 1.2, 5))
        self.assertTrue(judge.slower(3, None, 1.2, 5))


class ReportTests(unittest.TestCase):
    def test_a_report_is_found_behind_progress(self):
        lossy = [record(video=track(lost=lost)) for lost in (3, 1)]
        report = read_report('joining {3}\n{"progress": 1}\n' + json.dumps({"viewers": lossy}))
        self.assertEqual(report.total("lost"), 4)
        self.assertEqual(report.most("lost"), 3)
        self.assertEqual(report.least("lost"), 1)

    def test_violations_are_sorted_into_what_they_mean(self):
        broken = [
            {"rule": rule, "count": count}
            for rule, count in (
                ("timestamps", 1),
                ("damage", 2),
                ("foreign", 4),
                ("sessions", 8),
                ("sequenceHeaders", 16),
            )
        ]
        seen = Seen(record(violations=broken, audio=track(outOfOrder=3)))
        self.assertEqual((seen.disorder, seen.corrupt, seen.interleaved), (4, 22, 8))

    def test_a_frame_number_that_is_neither_there_nor_lost_is_seen(self):
        self.assertEqual(Seen(record()).unaccounted, 0)
        self.assertEqual(Seen(record(video=track(lost=2, lastNumber=11))).unaccounted, 0)
        self.assertEqual(Seen(record(video=track(lastNumber=11))).unaccounted, 2)

    def test_gaps_are_intervals(self):
        seen = Seen(record(gaps=[{"atWallMs": 1000, "ms": 250.5, "framesLost": 3}]))
        self.assertEqual(seen.gaps, [(1000, 1250.5, 3)])

    def test_media_after_a_reconnect_is_measured_from_the_fault(self):
        seen = Seen(record(disconnections=[{"atWallMs": 1010, "reason": "x", "backAfterMs": 90}]))
        self.assertEqual(seen.media_again(1000), 100)
        self.assertIsNone(seen.media_again(1020))
        self.assertIsNone(
            Seen(record(disconnections=[{"atWallMs": 1010, "reason": "x", "backAfterMs": None}])).media_again(1000)
        )

    def test_a_missing_field_is_trouble_and_not_zero(self):
        for name in record()["report"]:
            broken = record()
            del broken["report"][name]
            with self.assertRaises(Trouble, msg=name):
                Report({"viewers": [broken]})
        for name in set(track()) - {"firstNumber", "lastNumber"}:
            broken = record()
            del broken["report"]["audio"][name]
            with self.assertRaises(Trouble, msg=name):
                Report({"viewers": [broken]})

    def test_no_report_is_trouble(self):
        for text in ("", "{}", '{"viewers": [', "killed"):
            with self.assertRaises(Trouble):
                read_report(text)


class ResultsTests(unittest.TestCase):
    outcome = {
        "passed": False,
        "seconds": 1.0,
        "figures": {},
        "trouble": "gone | away\nmore",
        "checks": [{"what": "lost", "measured": 2, "target": "0", "passed": False}],
    }

    def test_runs_are_merged_and_full_ones_win(self):
        with tempfile.TemporaryDirectory() as folder:
            about = {"date": "2026-01-02", "commit": "abc", "machine": "m"}
            full, quick = pathlib.Path(folder, "a.json"), pathlib.Path(folder, "b.json")
            results.save(about, False, {"x": self.outcome}, full)
            results.save(about, False, {"y": self.outcome}, full)
            results.save({**about, "date": "2026-02-02"}, True, {"x": self.outcome, "z": self.outcome}, quick)
            rows = results.newest_of_each(["z", "y", "x"], [full, quick])
            self.assertEqual(
                [(name, content["quick"]) for name, content, _ in rows], [("z", True), ("y", False), ("x", False)]
            )

    def test_a_failure_is_seen_on_the_page(self):
        lines = results.page_lines([("x", {"date": "d", "commit": "c", "quick": True, "machine": "m"}, self.outcome)])
        row = next(line for line in lines if line.startswith("| x"))
        self.assertIn("**fail**", row)
        self.assertIn("lost **2** (0) ✗", row)
        self.assertIn("gone \\| away", row)
        self.assertNotIn("more", row)


class TableTests(unittest.TestCase):
    def test_the_last_column_wraps_at_the_width(self):
        lines = table([["name", "word " * 30]], ["a", "b"], width=60)
        self.assertTrue(all(len(line) <= 60 for line in lines))
        self.assertGreater(len(lines), 4)

    def test_figures(self):
        self.assertEqual(
            [figure(v) for v in (None, True, 0.0, 1.5, 12.34, 250.4, 7, [1, 2.0])],
            ["-", "yes", "0", "1.5", "12.3", "250", "7", "1, 2"],
        )


class CatalogueTests(unittest.TestCase):
    def test_every_scenario_has_a_title_and_a_limit(self):
        scenarios = load_all()
        self.assertGreater(len(scenarios), 20)
        for scenario in scenarios.values():
            self.assertTrue(scenario.title and 0 < scenario.limit <= 600, scenario.name)


class ProxyTests(unittest.TestCase):
    def setUp(self):
        self.server = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.echo, daemon=True).start()
        self.proxy = TcpProxy(free_ports(1)[0], self.server.getsockname()[1])

    def tearDown(self):
        self.proxy.close()
        self.server.close()

    def echo(self):
        try:
            while True:
                connection, _ = self.server.accept()
                threading.Thread(target=self.echo_one, args=(connection,), daemon=True).start()
        except OSError:
            pass

    def echo_one(self, connection):
        try:
            while data := connection.recv(4096):
                connection.sendall(data)
        except OSError:
            pass

    def test_a_blackhole_holds_what_was_sent_until_it_is_lifted(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), 2) as client:
            client.sendall(b"one")
            self.assertEqual(client.recv(10), b"one")
            self.proxy.set_mode(BLACKHOLE)
            time.sleep(0.05)
            client.sendall(b"two")
            client.settimeout(0.2)
            with self.assertRaises(TimeoutError):
                client.recv(10)
            self.proxy.set_mode(PASS)
            client.settimeout(2)
            self.assertEqual(client.recv(10), b"two")

    def test_refusing_resets_old_and_new_connections(self):
        with socket.create_connection(("127.0.0.1", self.proxy.port), 2) as client:
            client.sendall(b"one")
            self.assertEqual(client.recv(10), b"one")
            self.proxy.set_mode(REFUSE)
            with self.assertRaises(OSError):
                if not client.recv(10):
                    raise ConnectionResetError
        with self.assertRaises(OSError):
            with socket.create_connection(("127.0.0.1", self.proxy.port), 2) as client:
                client.sendall(b"x")
                if not client.recv(10):
                    raise ConnectionResetError


if __name__ == "__main__":
    unittest.main()
