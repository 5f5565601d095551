#!/usr/bin/env python3
"""Everything that can be seen of Terraform/ without an account: see terraform.sh, which prepares what this needs."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from pathlib import Path

import rejections
from tools import ROOT, SOURCE, Checks, Mock, Terraform, plugin_folder, terraform_binary

PARTS = ["format", "variables", "validate", "plan", "apply"]
FOLDERS = ["modules/network", "modules/cluster", "modules/redis", "examples/aws"]


def begin(part: str) -> float:
    print(f"=== {part}", flush=True)
    return time.monotonic()


def close(checks: Checks, began: float) -> int:
    print(f"total time: {time.monotonic() - began:.0f} s")
    print(f"{checks.passed} passed, {checks.failed} failed, {checks.skipped} skipped")
    return 1 if checks.failed else 0


def main() -> int:
    wanted = sys.argv[1:] or PARTS
    if unknown := set(wanted) - set(PARTS):
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    began = time.monotonic()
    checks = Checks()
    binary, plugins = terraform_binary(), plugin_folder()
    if binary is None:
        for part in wanted:
            checks.skip(part, "there is no terraform here (put it on PATH or name it in RELAY_TERRAFORM)")
        return close(checks, began)

    (ROOT / ".build").mkdir(exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="terraform-", dir=ROOT / ".build"))
    mock = None
    try:
        config = scratch / "terraform.rc"
        # Only the mirror: nothing is ever asked of a registry. Without a folder, an empty mirror.
        config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{plugins or scratch}"\n  }}\n}}\n')
        terraform = Terraform(binary, config)
        version = terraform.json(scratch, "version", "-json").get("terraform_version", "?")
        print(f"terraform {version}; provider folder: {'found' if plugins else 'none'}")

        if "format" in wanted:
            begin("format")
            ran = terraform.run(SOURCE, "fmt", "-check", "-recursive", "-diff")
            checks.that(ran.returncode == 0, "every file is formatted (terraform fmt -recursive Terraform)", ran.stdout or ran.stderr)
        if "variables" in wanted:
            begin("variables")
            rejections.run(checks, terraform, scratch)

        rest = [part for part in wanted if part in ("validate", "plan", "apply")]
        if rest and plugins is None:
            for part in rest:
                checks.skip(part, "no folder with the AWS provider (name one in RELAY_TF_PLUGINS)")
            rest = []
        if "validate" in rest:
            begin("validate")
            validate(checks, terraform, scratch)
        if "plan" in rest or "apply" in rest:
            try:
                import boto3  # noqa: F401
                import jsonschema  # noqa: F401
                import moto.server  # noqa: F401
                import yaml  # noqa: F401
            except ImportError as missing:
                for part in rest:
                    if part != "validate":
                        checks.skip(part, f"no mock of the cloud: {missing}")
                return close(checks, began)
            import cloud

            logs = ROOT / ".build/logs"
            logs.mkdir(exist_ok=True)
            mock = Mock(logs / "terraform-mock.log")
            terraform.endpoint = mock.endpoint
            copy = scratch / "repository"
            shutil.copytree(SOURCE, copy / "Terraform", ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars"))
            if "plan" in rest:
                begin("plan")
                cloud.plans(checks, terraform, copy / "Terraform/examples/aws")
            if "apply" in rest:
                begin("apply")
                cloud.apply(checks, terraform, copy / "Terraform/examples/aws")
        return close(checks, began)
    finally:
        if mock is not None:
            mock.end()
        shutil.rmtree(scratch, ignore_errors=True)


def validate(checks: Checks, terraform: Terraform, scratch: Path) -> None:
    copy = scratch / "validate"
    shutil.copytree(SOURCE, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars"))
    for folder in FOLDERS:
        versions = (SOURCE / folder / "versions.tf").read_text()
        checks.that(re.search(r'required_version = ">= 1\.5"', versions) and re.search(r'version = "~> 5\.100"', versions),
                    f"{folder} pins Terraform and its provider")
        ran = terraform.run(copy / folder, "init", "-backend=false", "-no-color")
        if not checks.that(ran.returncode == 0, f"{folder}: init", ran.stdout + ran.stderr):
            continue
        found = terraform.run(copy / folder, "validate", "-json").stdout
        diagnostics = json.loads(found or "{}")
        checks.that(diagnostics.get("valid") and not diagnostics.get("warning_count"), f"{folder}: valid, and without a warning", found)
        for kind in ("variable", "output"):
            undescribed = [block for block in blocks(SOURCE / folder, kind) if "description" not in block[1]]
            checks.that(not undescribed, f"{folder}: every {kind} is described", [name for name, _ in undescribed])


def blocks(folder: Path, kind: str) -> list[tuple[str, str]]:
    text = "".join(path.read_text() for path in sorted(folder.glob("*.tf")))
    return re.findall(rf'^{kind} "([^"]+)" {{\n(.*?)^}}', text, re.M | re.S)


if __name__ == "__main__":
    sys.exit(main())
