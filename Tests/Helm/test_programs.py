"""The chart against the programs that it runs."""

import pathlib
import re
import subprocess
import tempfile

import yaml

from support import BASE, CHART, RELAY, ROOT, SETS, Skip, merge, named, pods, refused, render


def test_the_tiers_take_the_keys_of_the_relay():
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())["definitions"]["tier"]["properties"]
    source = (ROOT / "Sources/RelayNode/Configuration/ConfigurationKey+Autoscaler.swift").read_text()
    keys = set(re.findall(r'"autoscaler\.edge\.(\w+)"', source)) - {"workload"}
    assert keys == set(schema), f"only in the relay: {keys - set(schema)}, only in the chart: {set(schema) - keys}"


def test_what_the_chart_takes_for_the_autoscaler_is_what_the_relay_takes():
    source = (ROOT / "Sources/RelayNode/Configuration/ConfigurationKey+Autoscaler.swift").read_text()
    durations = re.findall(
        r'"autoscaler\.(edge\.\w+|interval)", [^"]*?(?:\.seconds\((\d+)\)|\.zero) \.\.\. \.seconds\(([\d_]+)\)', source
    )
    assert len(durations) == 7, durations
    for name, least, most in durations:
        least, most = int(least or 0), int(most.replace("_", ""))
        for key in {name, name.replace("edge.", "origin.")}:

            def values(text, key=key):
                *tier, last = key.split(".")
                return merge(BASE, {"autoscaler": {tier[0]: {last: text}} if tier else {last: text}})

            for text in (f"{least}s", f"{most * 1000}ms", f"{most}s"):
                render(values(text))
            for text in ([f"{least * 1000 - 1}ms"] if least else []) + [f"{most}.5s", f"{most // 60 + 1}m", "99999h"]:
                refused(values(text), f"autoscaler.{key} is {text}")
    integers = re.findall(r'"autoscaler\.edge\.(\w+)", \\\.[\w.]+, ([\d_]+)\.\.\.([\d_]+)[,)]', source)
    assert len(integers) == 7, integers
    for key, least, most in integers:
        for tier in ("edge", "origin"):
            for number in (int(least.replace("_", "")) - 1, int(most.replace("_", "")) + 1):
                refused(merge(BASE, {"autoscaler": {tier: {key: number}}}), key)


def test_the_sections_of_config_are_those_of_the_relay():
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())["definitions"]["config"]["propertyNames"][
        "enum"
    ]
    source = (ROOT / "Sources/RelayNode/Configuration/RelayConfiguration.swift").read_text()
    sections = set(re.findall(r"(?m)^    package var (\w+) = [A-Z]\w*\(\)", source))
    assert sections == set(schema), sections ^ set(schema)


def test_the_relay_accepts_what_the_chart_gives_it():
    if not RELAY.exists():
        raise Skip("the relay is not built (make build)")
    newest = max(path.stat().st_mtime for path in (ROOT / "Sources/RelayNode/Configuration").glob("*.swift"))
    if RELAY.stat().st_mtime < newest:
        raise Skip("the relay is older than its configuration's sources (make build)")
    facts = {"metadata.name": "live-relay-x-0", "status.podIP": "10.1.2.3", "spec.nodeName": "machine-1"}
    with tempfile.TemporaryDirectory() as folder:
        for name, values in SETS.items():
            objects = render(values)
            for pod, component, _, spec in pods(objects):
                if component not in ("origin", "edge", "autoscaler"):
                    continue
                variables = {"PATH": "/usr/bin:/bin"}
                for one in spec["containers"][0]["env"]:
                    if "value" in one:
                        value = one["value"]
                        for known, text in variables.items():
                            value = value.replace(f"$({known})", text)
                    elif "fieldRef" in one["valueFrom"]:
                        value = facts.get(one["valueFrom"]["fieldRef"]["fieldPath"], "")
                    else:
                        value = {"RELAY_CLUSTER_KEY": "k" * 48, "REDIS_PASSWORD": "p" * 40}.get(
                            one["name"], "rediss://user:secret@redis.example.org:6379"
                        )
                    variables[one["name"]] = value
                config = named(objects, "ConfigMap", spec["volumes"][0]["configMap"]["name"])
                path = pathlib.Path(folder) / f"{name}-{pod}.yaml"
                path.write_text(config["data"]["relay.yaml"])
                assert variables["RELAY_CONFIG"] == "/etc/relay/relay.yaml"
                variables["RELAY_CONFIG"] = str(path)
                done = subprocess.run([RELAY, "check"], env=variables, capture_output=True, text=True, timeout=30)
                assert done.returncode == 0, f"{name}: {pod}: {done.stderr.strip()}"
                assert f"node.name: {variables['RELAY_NODE_NAME']}" in done.stdout, name


def test_the_commands_that_the_chart_runs_exist():
    program = RELAY.with_name("relayctl")
    if not program.exists() or not RELAY.exists():
        raise Skip("the relay is not built (make build)")
    newest = max(path.stat().st_mtime for path in (ROOT / "Sources/relayctl").rglob("*.swift"))
    if program.stat().st_mtime < newest:
        raise Skip("relayctl is older than its sources (make build)")
    objects = render(BASE)
    commands = [
        spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
        for _, component, _, spec in pods(objects)
        if component in ("origin", "edge")
    ]
    commands += [
        container["command"]
        for _, component, _, spec in pods(objects)
        if component == "test"
        for container in spec["containers"]
    ]
    for command in commands:
        words = [command[1]]
        help_text = subprocess.run([program, *words, "--help"], capture_output=True, text=True, timeout=20).stdout
        for flag in (word for word in command if word.startswith("--")):
            assert flag in help_text, f"relayctl {words[0]} has no {flag}"
    roles = subprocess.run([RELAY, "--help"], capture_output=True, text=True, timeout=20).stdout
    for _, component, _, spec in pods(objects):
        if component in ("origin", "edge", "autoscaler"):
            assert spec["containers"][0]["args"] == [component] and re.search(rf"(?m)^  {component} ", roles), component
