"""What the suite runs with: the terraform binary, its provider folder, the mock, and counted checks."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SOURCE = ROOT / "Terraform"
# Under the name of the registry that it was mirrored from, whichever that was.
PROVIDER = "*/hashicorp/aws"


def terraform_binary() -> str | None:
    return os.environ.get("RELAY_TERRAFORM") or shutil.which("terraform")


def plugin_folder() -> Path | None:
    """A folder laid out as a filesystem mirror, with the AWS provider in it."""
    named = os.environ.get("RELAY_TF_PLUGINS")
    places = [Path(named)] if named else [
        ROOT / ".build/tf-plugins", Path.home() / ".terraform.d/plugins", Path("/usr/local/share/terraform/plugins"),
        Path("/usr/share/terraform/plugins"), *sorted(Path("/opt").glob("*/")),
    ]  # fmt: skip
    return next((place for place in places if any(place.glob(PROVIDER))), None)


class Checks:
    """Counts, and prints a line for each check that fails and for each group of those that pass."""

    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0

    def that(self, holds: object, name: str, found: object = None) -> bool:
        if holds:
            self.passed += 1
            print(f"  ok    {name}", flush=True)
        else:
            self.failed += 1
            print(f"  FAIL  {name}" + (f"\n        found: {str(found)[:1500]}" if found is not None else ""), flush=True)
        return bool(holds)

    def equal(self, found: object, wanted: object, name: str) -> bool:
        return self.that(found == wanted, name, f"{found!r}, wanted {wanted!r}")

    def skip(self, name: str, why: str) -> None:
        self.skipped += 1
        print(f"  skip  {name}: {why}", flush=True)


@dataclass
class Terraform:
    """Runs the binary in a folder, without a person, without the network, in bounded time."""

    binary: str
    config: Path
    endpoint: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, folder: Path, *words: str, limit: int = 120) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "AWS_"))}
        environment |= {
            "TF_CLI_CONFIG_FILE": str(self.config), "TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1",
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": "mock", "AWS_SECRET_ACCESS_KEY": "mock",
            "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1",
        } | self.environment  # fmt: skip
        try:
            return subprocess.run([self.binary, *words], cwd=folder, env=environment, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=limit)
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(late.cmd, 124, str(late.stdout or ""), f"not done after {limit} s")

    def json(self, folder: Path, *words: str) -> dict:
        ran = self.run(folder, *words)
        return json.loads(ran.stdout) if ran.returncode == 0 else {}


class Mock:
    """The cloud, as a process of ours on a free port of loopback; it also ends by itself when we do."""

    def __init__(self, log: Path) -> None:
        self.log = log.open("w")
        self.process = subprocess.Popen([sys.executable, "-B", str(HERE / "mock.py"), "0"], stdout=subprocess.PIPE, stderr=self.log,
                                        stdin=subprocess.DEVNULL, text=True)
        deadline = time.monotonic() + 60
        line = ""
        while not line and time.monotonic() < deadline and self.process.poll() is None:
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                line = self.process.stdout.readline()
        if not line.startswith("ready "):
            self.end()
            raise RuntimeError(f"the mock did not start (log: {log})")
        self.endpoint = f"http://127.0.0.1:{int(line.split()[1])}"

    def end(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
