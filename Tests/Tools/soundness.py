#!/usr/bin/env python3
"""Checks what the compiler cannot: the arrows between targets, the purity of the pure ones, the wire code's promise
never to trap, and the layout of the repository.

    Tests/Tools/soundness.py [--manifest FILE]

Prints `path:line: [rule] what and what to do`, and ends non-zero when there is a finding. `--manifest` names the output
of `swift package dump-package`; without it the script asks SwiftPM itself. Every rule is shown able to fail by
test_soundness.py beside it.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# --- what a target is ------------------------------------------------------------------------------------------------

# A pure target and the targets of ours that it may depend on.
PURE = {
    "RelayCore": set(),
    "RelayAPI": set(),
    "RelayRTMP": {"RelayCore"},
    "RelayFLV": {"RelayCore"},
    "RelayLink": {"RelayCore"},
    "RelayHLS": {"RelayCore"},
    "RelayRTC": {"RelayCore"},
    "RelayCluster": {"RelayCore"},
    "RelayVerify": {"RelayCore"},
    "RelayScaling": {"RelayCore", "RelayCluster"},
    "RelayKubernetes": {"RelayCore"},
}
# Modules of others that a pure target may import: values and containers, nothing that acts.
PURE_MODULES = {"NIOCore", "DequeModule", "Collections", "OrderedCollections", "HeapModule", "RealModule"}
FACES = {"RelayCrypto", "RelayFetch", "RelayRedis", "RelayMedia"}
C_MODULES = {"COpenSSL", "CCurl", "CHiredis", "CAVFormat"}
COMPOSITION = {"RelayNode", "RelayClient"}
TEST_KIT = {"RelayTestKit"}
EXECUTABLES = {"relay", "relayctl", "scalingbench"}
# Modules that a composition may use and a face may not; a face is one C library and nothing else.
CLOSED_TO_FACES = {"Hummingbird", "ServiceLifecycle", "Configuration", "ArgumentParser"}

# Code that reads bytes from strangers: one trap there ends the whole process for every viewer.
WIRE = (
    "Sources/RelayRTMP/",
    "Sources/RelayFLV/",
    "Sources/RelayCore/Codec/",
    "Sources/RelayLink/",
    "Sources/RelayHLS/",
    "Sources/RelayRTC/",
)

LONGEST_FILE = 600
TOP_LEVEL = {
    "Package.swift", "Sources", "Tests", "Cluster", "Helm", "Terraform", "README.md", "Makefile", "LICENSE",
    ".gitignore", ".swift-format", ".ci",
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    path: str
    line: int
    rule: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: [{self.rule}] {self.text}"


# --- reading Swift ---------------------------------------------------------------------------------------------------

def code_only(text: str) -> str:
    """The text with comments and the insides of string literals blanked: same length, same line breaks. A literal keeps
    its quotes, so that `ascii: "x"` and `"a"!` are still seen as what they are."""
    out = list(text)

    def blank(start: int, end: int) -> None:
        for i in range(start, min(end, len(out))):
            if out[i] != "\n":
                out[i] = " "

    index = 0
    while index < len(text):
        if text.startswith("//", index):
            end = text.find("\n", index)
            end = len(text) if end < 0 else end
            blank(index, end)
            index = end
        elif text.startswith("/*", index):
            end = end_of_block_comment(text, index)
            blank(index, end)
            index = end
        elif (opening := _QUOTE.match(text, index)) is not None:
            end = end_of_string(text, index, opening.group(1), opening.group(2))
            blank(index + 1, end - 1)
            out[index] = '"'
            if end <= len(out):
                out[end - 1] = '"'
            index = end
        else:
            index += 1
    return "".join(out)


_QUOTE = re.compile(r'(#*)("""|")')


def end_of_block_comment(text: str, index: int) -> int:
    """Block comments nest in Swift."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(text, index):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return match.end()
    return len(text)


def end_of_string(text: str, index: int, hashes: str, quote: str) -> int:
    """One past the literal that begins at `index`; interpolations may hold literals of their own."""
    position, escape, closing = index + len(hashes) + len(quote), "\\" + hashes, quote + hashes
    while position < len(text):
        if text.startswith(escape + "(", position):
            position, depth = position + len(escape) + 1, 1
            while position < len(text) and depth > 0:
                if (inner := _QUOTE.match(text, position)) is not None:
                    position = end_of_string(text, position, inner.group(1), inner.group(2))
                    continue
                depth += {"(": 1, ")": -1}.get(text[position], 0)
                position += 1
        elif text.startswith(escape, position):
            position += len(escape) + 1
        elif text.startswith(closing, position):
            return position + len(closing)
        elif quote == '"' and text[position] == "\n":
            return position  # not Swift; do not swallow the rest of the file
        else:
            position += 1
    return len(text)


def line_of(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1


def has_bounded_note(lines: list[str], line: int) -> bool:
    """A reason on the line itself, or in a comment line right above it."""
    if re.search(r"//.*\bbounded: \S", lines[line - 1]):
        return True
    above = lines[line - 2].strip() if line >= 2 else ""
    return re.match(r"//.*\bbounded: \S", above) is not None


# --- rules on one file -----------------------------------------------------------------------------------------------

_IMPORT = re.compile(
    r"^[ \t]*(?:@\w+(?:\([^)\n]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+"
    r"(?:(?:struct|class|enum|func|protocol|typealias|var|let|actor)\s+)?(\w+)",
    re.MULTILINE,
)

_IMPURE = [
    (re.compile(r"\bDate\("), "Date() reads the wall clock"),
    (re.compile(r"\b(?:ContinuousClock|SuspendingClock)\b"), "a clock"),
    (re.compile(r"\.now\(\)"), ".now() reads a clock"),
    (re.compile(r"\bNIODeadline\.now\b"), "NIODeadline.now() reads a clock"),
    (re.compile(r"\bTask\s*[.({]|\bTask\.detached\b"), "a task"),
    (re.compile(r"\bwith(?:Throwing)?(?:Discarding)?TaskGroup\b"), "a task group"),
    (re.compile(r"\bawait\b"), "await"),
    (re.compile(r"^\s*(?:package |public |private )?actor\s", re.MULTILINE), "an actor"),
    (re.compile(r"\bSystemRandomNumberGenerator\b"), "the system's random numbers"),
    (re.compile(r"\.random\((?![^\n]*\busing:)"), "a random choice without a generator"),
    (re.compile(r"\.(?:shuffled|shuffle|randomElement)\(\)"), "a random choice without a generator"),
    (re.compile(r"(?<![\w.])(?:print|debugPrint|dump)\("), "output"),
    (re.compile(r"\bLogger\b"), "a logger"),
    (re.compile(r"\b(?:getenv|ProcessInfo|FileManager|DispatchQueue)\b"), "the system"),
]

_INTEGER = (
    r"(?<![\w.\]])(U?Int(?:8|16|32|64)?)\(\s*"
    r"(?!\)|exactly:|truncatingIfNeeded:|clamping:|bitPattern:|ascii:|-?[0-9][0-9a-fA-Fx_]*\s*\))"
)
_TRAPS = [
    (re.compile(_INTEGER), "traps when the value does not fit: use exactly:, truncatingIfNeeded: or clamping:"),
    (re.compile(r"\btry!"), "try! ends the process: throw, or answer with a default"),
    (re.compile(r"\bas!"), "as! ends the process: use as?"),
    (re.compile(r"(?<!\btry)(?<!\bas)(?<=[\w\])\"])!(?![=\w])"), "a force unwrap ends the process: use guard let"),
    (re.compile(r"\b(?:precondition|preconditionFailure|fatalError)\("), "ends the process: return an error"),
]


def check_pure(path: str, text: str) -> list[Finding]:
    target = target_of(path)
    if target not in PURE:
        return []
    code = code_only(text)
    allowed = PURE_MODULES | PURE[target]
    found = [
        Finding(path, line_of(code, m.start(1)), "pure-import", f"{target} is pure and may not import {m.group(1)}")
        for m in _IMPORT.finditer(code)
        if m.group(1) not in allowed
    ]
    for pattern, what in _IMPURE:
        for m in pattern.finditer(code):
            found.append(
                Finding(path, line_of(code, m.start()), "pure-name", f"{target} is pure, and this is {what}; pass it in")
            )
    return found


def check_wire(path: str, text: str) -> list[Finding]:
    if not path.startswith(WIRE):
        return []
    code, lines, found = code_only(text), text.splitlines(), []
    for pattern, advice in _TRAPS:
        for m in pattern.finditer(code):
            line = line_of(code, m.start())
            if not has_bounded_note(lines, line):
                token = m.group(0).strip()
                found.append(
                    Finding(path, line, "wire-trap", f"`{token}` {advice}, or say why it cannot with `// bounded: …`")
                )
    return found


def check_length(path: str, text: str) -> list[Finding]:
    count = len(text.splitlines())
    if not path.startswith("Sources/") or count <= LONGEST_FILE:
        return []
    return [Finding(path, count, "long-file", f"{count} lines (more than {LONGEST_FILE}): what is the second idea in it?")]


def check_leftovers(path: str, text: str) -> list[Finding]:
    """Notes to self, and tests that are switched off without a reason."""
    if not path.endswith(".swift"):
        return []
    found = [
        Finding(path, line_of(text, m.start()), "leftover", f"`{m.group(0)}`: do it, or write it where it is planned")
        for m in re.finditer(r"\b(?:TODO|FIXME|XXX)\b", text)
        if path.startswith("Sources/")
    ]
    code = code_only(text)
    found += [
        Finding(path, line_of(code, m.start()), "silent-skip", "a test switched off needs its reason as a string")
        for m in re.finditer(r"\.disabled\((?!\s*\"|\s*if:[^\n]*\")", code)
        if path.startswith("Tests/")
    ]
    return found


# What belongs to one person's machine or one workplace, and not into a file that others read.
_LOCAL = [
    (re.compile(r"(?<![\w.$}*~-])/(?:home|Users|root|work)/\w"), "a path of one machine"),
    (
        re.compile(r"\b(?:deb|archive|registry|files|proxy|mirrors?|index)\.[a-z][a-z-]+\.(?:org|com|io|net)\b"),
        "the host of a package registry",
    ),
    (re.compile(r"\b(?:see|for|of|from) issue #?\d+\b", re.IGNORECASE), "a bare issue number; say what it is about"),
]


def check_local(path: str, text: str) -> list[Finding]:
    if path.startswith("Tests/Tools/") and path.endswith("soundness.py"):
        return []  # the patterns themselves, and their samples
    return [
        Finding(path, line_of(text, m.start()), "local-detail", f"`{m.group(0)}` is {what}")
        for pattern, what in _LOCAL
        for m in pattern.finditer(text)
    ]


FILE_RULES = (check_pure, check_wire, check_length, check_leftovers, check_local)


def target_of(path: str) -> str:
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "Sources" else ""


# --- rules on the whole ----------------------------------------------------------------------------------------------


def check_layout(paths: list[str]) -> list[Finding]:
    found = []
    for path in paths:
        top, parts = path.split("/")[0], path.split("/")
        if "Package.resolved" in parts or any(p == ".build" or p.startswith(".build-") for p in parts):
            found.append(Finding(path, 1, "tracked", "made by a build: keep it out of the repository"))
        elif top not in TOP_LEVEL:
            found.append(Finding(path, 1, "layout", f"`{top}` at the top level: it belongs under one of the folders there"))
    return sorted(set(found), key=str)


def check_arrows(manifest: dict) -> list[Finding]:
    """Who may depend on whom, from the manifest."""
    found = []

    def refuse(target: str, text: str) -> None:
        found.append(Finding("Package.swift", 1, "arrow", f"{target}: {text}"))

    targets = {t["name"]: t for t in manifest.get("targets", [])}
    known = set(PURE) | FACES | C_MODULES | COMPOSITION | TEST_KIT | EXECUTABLES
    for name, target in targets.items():
        kind = target.get("type", "regular")
        is_test = kind == "test"
        if not is_test and name not in known:
            refuse(name, "has no kind; add it to the lists of Tests/Tools/soundness.py")
            continue
        if kind == "executable" and name not in EXECUTABLES:
            refuse(name, "an executable that soundness.py does not know")
        ours, theirs = dependencies(target, set(targets))
        for other in sorted(ours):
            if other == "RelayNode" and not (is_test or name in EXECUTABLES | TEST_KIT):
                refuse(name, "only executables, the test kit and tests may depend on RelayNode")
            if other in TEST_KIT and not is_test:
                refuse(name, "only tests may depend on RelayTestKit")
            if other in C_MODULES and not (name in FACES or is_test):
                refuse(name, f"{other} has a Swift face; depend on that")
            if name in PURE and other not in PURE[name]:
                refuse(name, f"is pure and may not depend on {other}")
            if name in FACES and other not in C_MODULES | set(PURE):
                refuse(name, f"is the face of one C library and may not depend on {other}")
            if other in EXECUTABLES and not is_test:
                refuse(name, f"may not depend on the executable {other}")
        for product in sorted(theirs):
            if name in PURE and product not in PURE_MODULES:
                refuse(name, f"is pure and may not use {product}")
            if name in FACES and product in CLOSED_TO_FACES:
                refuse(name, f"is the face of one C library and may not use {product}")
    return found


def dependencies(target: dict, names: set[str]) -> tuple[set[str], set[str]]:
    """Targets of ours, and products of others, that a target of `dump-package` depends on."""
    ours, theirs = set(), set()
    for entry in target.get("dependencies", []):
        for kind, value in entry.items():
            name = value[0]
            (ours if kind in ("byName", "target") and name in names else theirs).add(name)
    return ours, theirs


# --- the run ---------------------------------------------------------------------------------------------------------


def repository_files() -> list[str]:
    """Tracked files and those that would be added, so that a finding comes before the commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60).stdout
    return sorted(p for p in set(listed.decode().split("\0")) if p and (ROOT / p).is_file())


def load_manifest(path: str | None) -> dict:
    if path:
        return json.loads(Path(path).read_text())
    command = ["swift", "package", "dump-package"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=300)
    if done.returncode != 0:
        sys.exit("soundness: `swift package dump-package` failed:\n" + done.stderr.decode(errors="replace"))
    return json.loads(done.stdout)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--manifest", help="output of `swift package dump-package`")
    options = parser.parse_args()
    paths = repository_files()
    found, read = check_layout(paths), 0
    for path in paths:
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # media and corpora
        read += 1
        for rule in FILE_RULES:
            found += rule(path, text)
    found += check_arrows(load_manifest(options.manifest))
    for finding in found:
        print(finding)
    print(f"soundness: {read} files read, {len(found)} findings")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
