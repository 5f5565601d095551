#!/usr/bin/env python3
"""Shows that every rule of soundness.py can fail, and that it leaves good code alone."""

import unittest

import soundness as s


def rules(found):
    return sorted({f.rule for f in found})


class ReadingSwift(unittest.TestCase):
    def test_comments_and_strings_are_blanked_and_code_stays(self):
        code = s.code_only('let a = "x! // no" // Int(b)\n/* try! /* nested */ as! */ let c = d!\n')
        self.assertNotIn("Int(", code)
        self.assertNotIn("try!", code)
        self.assertIn("d!", code)
        self.assertEqual(code.count("\n"), 2)

    def test_an_interpolation_with_quotes_does_not_end_the_string(self):
        code = s.code_only('let a = "\\(b ?? "none")! and \\(c("d"))" ; let e = f!')
        self.assertIn("f!", code)
        self.assertEqual(code.count("!"), 1)

    def test_raw_and_long_strings(self):
        code = s.code_only('let a = #"try! "x" "#; let b = """\n as! "quoted"\n """; let c = d!')
        self.assertNotIn("try!", code)
        self.assertNotIn("as!", code)
        self.assertIn("d!", code)


class Purity(unittest.TestCase):
    PATH = "Sources/RelayRTMP/A.swift"

    def test_forbidden_imports(self):
        for module in ["Foundation", "Glibc", "Dispatch", "Logging", "NIOPosix", "NIOHTTP1", "COpenSSL", "RelayNode", "RelayFLV", "Synchronization"]:  # fmt: skip
            for form in [f"import {module}", f"package import {module}", f"@preconcurrency import {module}", f"import struct {module}.X"]:  # fmt: skip
                self.assertEqual(rules(s.check_pure(self.PATH, form + "\n")), ["pure-import"], form)

    def test_allowed_imports(self):
        text = "package import NIOCore\nimport DequeModule\npackage import RelayCore\n// import Foundation\n"
        self.assertEqual(s.check_pure(self.PATH, text), [])

    def test_forbidden_names(self):
        for line in [
            "let a = Date()", "Task { }", "Task.sleep(for: .x)", "try await Task.sleep(x)", "ContinuousClock()",
            "let c = SuspendingClock.Instant", "let n = clock.now()", "NIODeadline.now()", "SystemRandomNumberGenerator()",
            "Int.random(in: 0..<4)", "list.shuffled()", "print(1)", "let l = Logger(label: x)", "await x", "actor X {",
            "withTaskGroup(of: Int.self) {", "getenv(x)",
        ]:  # fmt: skip
            self.assertEqual(rules(s.check_pure(self.PATH, line + "\n")), ["pure-name"], line)

    def test_allowed_names(self):
        text = "let now: MonotonicTime\nstruct Multitask {}\nblueprint(1)\nx.random(in: 0..<4, using: &generator)\n// print(x)\n"
        self.assertEqual(s.check_pure(self.PATH, text), [])

    def test_other_targets_are_free(self):
        self.assertEqual(s.check_pure("Sources/RelayNode/A.swift", "import Foundation\nTask { }\n"), [])


class WireCode(unittest.TestCase):
    PATH = "Sources/RelayFLV/A.swift"

    def test_traps_are_found(self):
        for line in [
            "let a = Int(b)", "let a = UInt8(b & 0xff)", "let a = UInt32(\n  b)", "let a = Int32(0xffff_ffff + b)", "a!.b", "a[0]!", "f()!",
            "try! f()", "let a = b as! C", "precondition(a)", "preconditionFailure(x)", "fatalError(x)", "var a: B!",
        ]:  # fmt: skip
            self.assertEqual(rules(s.check_wire(self.PATH, line + "\n")), ["wire-trap"], line)

    def test_forms_that_cannot_trap_pass(self):
        for line in [
            "Int(exactly: b)", "UInt8(truncatingIfNeeded: b)", "Int64(clamping: b)", "Int32(bitPattern: b)", 'UInt8(ascii: "/")',
            "UInt32(0x1F)", "a != b", "!a.isEmpty", "f(!a)", "let a = [Int](b)", "a !== b", "x.readInt(b)", "try? f()", "b as? C",
            "let a = Int(b) // bounded: b is a byte", "// bounded: b is a byte\nlet a = Int(b)", "/// Int(b)! try!",
        ]:  # fmt: skip
            self.assertEqual(s.check_wire(self.PATH, line + "\n"), [], line)

    def test_an_empty_note_is_no_reason(self):
        self.assertEqual(rules(s.check_wire(self.PATH, "let a = Int(b) // bounded:\n")), ["wire-trap"])

    def test_a_note_two_lines_above_does_not_count(self):
        text = "// bounded: a byte\nlet c = 1\nlet a = Int(b)\n"
        self.assertEqual(rules(s.check_wire(self.PATH, text)), ["wire-trap"])

    def test_only_wire_folders(self):
        self.assertEqual(s.check_wire("Sources/RelayNode/A.swift", "a!"), [])
        self.assertEqual(rules(s.check_wire("Sources/RelayCore/Codec/A.swift", "a!")), ["wire-trap"])


class Files(unittest.TestCase):
    def test_long_files(self):
        self.assertEqual(rules(s.check_length("Sources/RelayNode/A.swift", "\n" * 601)), ["long-file"])
        self.assertEqual(s.check_length("Sources/RelayNode/A.swift", "\n" * 600), [])

    def test_leftovers(self):
        self.assertEqual(rules(s.check_leftovers("Sources/relay/a.swift", "// TODO: x")), ["leftover"])
        self.assertEqual(s.check_leftovers("Sources/relay/a.swift", "// done"), [])

    def test_a_disabled_test_needs_a_reason(self):
        self.assertEqual(rules(s.check_leftovers("Tests/ATests/A.swift", "@Test(.disabled())")), ["silent-skip"])
        self.assertEqual(s.check_leftovers("Tests/ATests/A.swift", '@Test(.disabled("needs X"))'), [])

    def test_local_details(self):
        slash = "/"
        for text in [f"see {slash}work/a/b", f"in {slash}home/me", "deb.example.org", "registry.example.com/x", "see issue 12"]:  # fmt: skip
            self.assertEqual(rules(s.check_local("README.md", text)), ["local-detail"], text)
        for text in ["live/work/1", "$HOME/work/x", "127.0.0.1:1935", "https://www.swift.org/install", "a network/homework"]:
            self.assertEqual(s.check_local("README.md", text), [], text)

    def test_layout(self):
        self.assertEqual(rules(s.check_layout(["notes.txt"])), ["layout"])
        self.assertEqual(rules(s.check_layout(["docs/a.md"])), ["layout"])
        self.assertEqual(rules(s.check_layout(["Package.resolved", ".build/x", "Tests/Fuzz/.build-x/y"])), ["tracked"])
        self.assertEqual(s.check_layout(["Sources/a/b.swift", ".ci/run", "Makefile"]), [])


class Arrows(unittest.TestCase):
    @staticmethod
    def manifest(name, *others, products=(), kind="regular"):
        extra = [{"name": o, "type": "regular", "dependencies": []} for o in others]
        needs = [{"byName": [o, None]} for o in others] + [{"product": [p, "x", None, None]} for p in products]
        return {"targets": [{"name": name, "type": kind, "dependencies": needs}, *extra]}

    def refused(self, *args, **kwargs):
        self.assertIn("arrow", rules(s.check_arrows(self.manifest(*args, **kwargs))), (args, kwargs))

    def passes(self, *args, **kwargs):
        self.assertEqual(s.check_arrows(self.manifest(*args, **kwargs)), [], (args, kwargs))

    def test_refused_arrows(self):
        self.refused("RelayCore", "RelayRTMP")
        self.refused("RelayRTMP", "RelayFLV")
        self.refused("RelayRTMP", "RelayCrypto")
        self.refused("RelayRTMP", products=["NIOPosix"])
        self.refused("RelayRTMP", products=["Logging"])
        self.refused("RelayCrypto", "RelayFetch")
        self.refused("RelayCrypto", products=["Hummingbird"])
        self.refused("RelayClient", "RelayNode")
        self.refused("RelayClient", "COpenSSL")
        self.refused("RelayNode", "RelayTestKit")
        self.refused("RelayNode", "relay")
        self.refused("Surprise")
        self.refused("surprise", kind="executable")

    def test_allowed_arrows(self):
        self.passes("RelayRTMP", "RelayCore", products=["NIOCore"])
        self.passes("RelayScaling", "RelayCluster")
        self.passes("RelayCrypto", "COpenSSL")
        self.passes("RelayNode", "RelayCore", "RelayCrypto", "RelayClient", products=["NIOPosix", "Hummingbird"])
        self.passes("relay", "RelayNode", kind="executable")
        self.passes("AnyTests", "RelayNode", "RelayTestKit", "RelayCrypto", products=["NIOPosix"], kind="test")


if __name__ == "__main__":
    unittest.main()
