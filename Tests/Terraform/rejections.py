"""Values that each variable must refuse, and some that it must take. Only the files with the variables are read, without a provider:
what refuses a value is then the validation beside it and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tools import SOURCE, Checks, Terraform

# Values with which each folder is content; a case changes one of them.
SOUND: dict[str, dict] = {
    "modules/network": {"name": "relay"},
    "modules/cluster": {
        "name": "relay", "vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"], "api_public_cidrs": [],
        "administrators": ["arn:aws:iam::123456789012:role/platform"], "vpc_cidr": "10.64.0.0/16"},
    "modules/redis": {
        "name": "relay", "vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"], "client_security_group_ids": ["sg-1"]},
    "examples/aws": {
        "region": "eu-central-1", "api_public_cidrs": [], "administrators": ["arn:aws:iam::123456789012:role/platform"],
        "image": "images.example.com/edge-relay", "image_tag": "1.0.0"},
}  # fmt: skip

THREE = ["c7i.xlarge", "c6i.xlarge", "c6a.xlarge"]

# Folder, variable, a value to be refused.
REFUSED: list[tuple[str, str, object]] = [
    ("modules/network", "name", "Relay"),
    ("modules/network", "name", "relay-"),
    ("modules/network", "name", "r" * 31),
    ("modules/network", "cidr", "10.64.0.0/24"),
    ("modules/network", "cidr", "10.0.0.0/8"),
    ("modules/network", "cidr", "10.64.0.0"),
    ("modules/network", "cidr", "fd00::/16"),
    ("modules/network", "cidr", "10.64.1.0/16"),
    ("modules/network", "zones", ["eu-central-1a"]),
    ("modules/network", "zones", ["a", "b", "c", "d", "e"]),
    ("modules/network", "zones", ["eu-central-1a", "eu-central-1a"]),
    ("modules/network", "nat", "both"),
    ("modules/network", "flow_log_days", 2),
    ("modules/cluster", "name", "1relay"),
    ("modules/cluster", "kubernetes_version", "1.21"),
    ("modules/cluster", "kubernetes_version", "1.33.2"),
    ("modules/cluster", "vpc_id", "subnet-1"),
    ("modules/cluster", "subnet_ids", ["subnet-1"]),
    ("modules/cluster", "api_public_cidrs", ["0.0.0.0/0"]),
    ("modules/cluster", "api_public_cidrs", ["203.0.113.0/24", "0.0.0.0/1"]),
    ("modules/cluster", "api_public_cidrs", ["203.0.113.7"]),
    ("modules/cluster", "api_public_cidrs", ["::/0"]),
    ("modules/cluster", "administrators", []),
    ("modules/cluster", "administrators", ["platform"]),
    ("modules/cluster", "administrators", ["arn:aws:iam::123456789012:root"]),
    ("modules/cluster", "log_days", 0),
    ("modules/cluster", "core", {"instance_types": []}),
    ("modules/cluster", "core", {"min": 1}),
    ("modules/cluster", "core", {"min": 5, "max": 4}),
    ("modules/cluster", "core", {"disk_gib": 8}),
    ("modules/cluster", "edge", {"instance_types": []}),
    ("modules/cluster", "edge", {"min": 3, "max": 2}),
    ("modules/cluster", "edge", {"max": 451}),
    ("modules/cluster", "edge", {"disk_gib": 2000}),
    ("modules/cluster", "edge_spot", {"Spot": {"instance_types": THREE}}),
    ("modules/cluster", "edge_spot", {"one": {"instance_types": THREE[:2]}}),
    ("modules/cluster", "edge_spot", {"one": {"instance_types": [THREE[0]] * 3}}),
    ("modules/cluster", "edge_spot", {"one": {"instance_types": THREE, "min": -1}}),
    ("modules/cluster", "edge_spot", {"one": {"instance_types": THREE, "disk_gib": 1}}),
    ("modules/cluster", "architecture", "x86"),
    ("modules/cluster", "viewer_ports", {"tcp": [9090]}),
    ("modules/cluster", "viewer_ports", {"tcp": [0]}),
    ("modules/cluster", "viewer_ports", {"udp": [70000]}),
    ("modules/cluster", "viewer_cidrs", ["everybody"]),
    ("modules/cluster", "publisher_ports", [6379]),
    ("modules/cluster", "publisher_cidrs", ["studio"]),
    ("modules/cluster", "probe_port", 9090),
    ("modules/cluster", "vpc_cidr", "10.64.0.0"),
    ("modules/cluster", "controllers", {"load_balancer": "controller"}),
    ("modules/redis", "name", "relay--x"),
    ("modules/redis", "name", "r" * 33),
    ("modules/redis", "prefix", "relay *"),
    ("modules/redis", "prefix", ""),
    ("modules/redis", "token", "c"),
    ("modules/redis", "vpc_id", "relay"),
    ("modules/redis", "subnet_ids", ["subnet-1"]),
    ("modules/redis", "client_security_group_ids", []),
    ("modules/redis", "engine", "memcached"),
    ("modules/redis", "engine_version", "6.2"),
    ("modules/redis", "node_type", "m7g.large"),
    ("modules/redis", "replicas", 0),
    ("modules/redis", "replicas", 6),
    ("modules/redis", "replicas", 1.5),
    ("modules/redis", "maintenance_window", "tuesday"),
    ("modules/redis", "secret_recovery_days", 3),
    ("examples/aws", "region", "Frankfurt"),
    ("examples/aws", "name", "relay_1"),
    ("examples/aws", "secret_recovery_days", 31),
    ("examples/aws", "image", "edge-relay"),
    ("examples/aws", "image", "images.example.com/edge-relay:1.0.0"),
    ("examples/aws", "image_tag", "latest"),
    ("examples/aws", "image_tag", ""),
    ("examples/aws", "namespace", "kube-system"),
    ("examples/aws", "namespace", "Relay"),
    ("examples/aws", "edge_replicas", {"min": 0}),
    ("examples/aws", "edge_replicas", {"min": 5, "max": 4}),
    ("examples/aws", "edge_egress_mbps", 50),
    ("examples/aws", "edge_egress_mbps", 300000),
    ("examples/aws", "edge_egress_mbps", 1200.5),
]

# A value at the edge of what is allowed must be taken.
TAKEN: list[tuple[str, str, object]] = [
    ("modules/network", "cidr", "172.16.0.0/18"),
    ("modules/network", "zones", ["a", "b", "c", "d"]),
    ("modules/network", "nat", "none"),
    ("modules/network", "flow_log_days", 0),
    ("modules/cluster", "api_public_cidrs", ["203.0.113.7/32", "198.51.0.0/16"]),
    ("modules/cluster", "administrators", ["arn:aws-us-gov:iam::123456789012:user/ops/anna"]),
    ("modules/cluster", "edge", {"min": 0, "max": 0}),
    ("modules/cluster", "edge_spot", {}),
    ("modules/cluster", "edge_spot", None),
    ("modules/cluster", "viewer_ports", {"tcp": [443, 8080], "udp": [443]}),
    ("modules/cluster", "controllers", {"node_autoscaler": None, "load_balancer": None}),
    ("modules/redis", "engine_version", "8.0"),
    ("modules/redis", "name", "r" * 32),
    ("modules/redis", "prefix", "live-2:relay_1"),
    ("modules/redis", "token", "b"),
    ("modules/redis", "secret_recovery_days", 0),
    ("examples/aws", "name", "live-2"),
    ("examples/aws", "edge_egress_mbps", 200000),
]

# Variables that have to be given: leaving one out is refused.
DEMANDED = {
    "modules/cluster": {"api_public_cidrs", "administrators"},
    "examples/aws": {"api_public_cidrs", "administrators", "region", "image", "image_tag"},
}


def messages(folder: str) -> set[str]:
    text = (SOURCE / folder / "variables.tf").read_text()
    return {found.replace("\\\\", "\\") for found in re.findall(r'error_message\s*=\s*"(.*)"', text)}


def details(output: str) -> list[str]:
    found = []
    for line in output.splitlines():
        try:
            diagnostic = json.loads(line).get("diagnostic", {})
        except ValueError:
            continue
        if diagnostic.get("severity") == "error":
            found.append(f"{diagnostic.get('summary', '')}: {diagnostic.get('detail', '')}")
    return found


def run(checks: Checks, terraform: Terraform, scratch: Path) -> None:
    seen: dict[str, set[str]] = {folder: set() for folder in SOUND}

    def plan(folder: str, values: dict) -> tuple[int, list[str]]:
        place = scratch / "variables" / folder
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(SOURCE / folder / "variables.tf", place)
        (place / "terraform.tfvars.json").write_text(json.dumps(values))
        ran = terraform.run(place, "plan", "-json", "-no-color", limit=60)
        return ran.returncode, details(ran.stdout)

    for folder, sound in SOUND.items():
        code, errors = plan(folder, sound)
        checks.that(code == 0, f"{folder} takes the values that its cases begin with", errors)
    for folder, variable, value in TAKEN:
        code, errors = plan(folder, SOUND[folder] | {variable: value})
        checks.that(code == 0, f"{folder} takes {variable} = {json.dumps(value)}", errors)
    for folder, variable, value in REFUSED:
        code, errors = plan(folder, SOUND[folder] | {variable: value})
        text = " ".join(" ".join(errors).split())
        own = {message for message in messages(folder) if " ".join(message.split()) in text}
        seen[folder] |= own
        # Refused by a validation of this variable, with a text that begins with its name.
        checks.that(code != 0 and any(message.startswith(variable) for message in own),
                    f"{folder} refuses {variable} = {json.dumps(value)[:60]}", errors or "it was taken")
    for folder, names in DEMANDED.items():
        for name in sorted(names):
            code, errors = plan(folder, {key: value for key, value in SOUND[folder].items() if key != name})
            checks.that(code != 0 and any(f'"{name}"' in error for error in errors), f"{folder} wants {name} to be said", errors)
    for folder in SOUND:
        missing = messages(folder) - seen[folder]
        checks.that(not missing, f"each validation of {folder} was seen to refuse something", missing)
