"""Steps with Helm: installing, what stays, and what the chart's own parts do."""

import json
import pathlib

import yaml

from lab import CHART, DEPLOYMENTS, FULL, NAMESPACE, RELEASE, VALUES, refused, step
from harness.machine import free_ports
from harness.process import Child
from harness.redis import RedisClient


@step("the chart installs with Helm, and the cluster makes its pods")
def install(lab):
    with lab.helm() as cfg:
        release = cfg.install(CHART, RELEASE, VALUES, create_namespace=True, timeout=90)
        assert release["status"] == "deployed", release["status"]
    lab.wait(
        "all pods to run",
        60,
        lambda: len(lab.pods("edge")) == 1
        and len(lab.pods("origin")) == 1
        and len(lab.ready("autoscaler")) == 2
        and len(lab.ready("redis")) == 1
        and all(pod["status"].get("phase") == "Running" for part in ("edge", "origin") for pod in lab.pods(part)),
    )
    budgets = lab.api.get(f"/apis/policy/v1beta1/namespaces/{NAMESPACE}/poddisruptionbudgets")["items"]
    assert {one["metadata"]["name"] for one in budgets} == {
        f"{FULL}-{part}" for part in ("origin", "edge", "autoscaler")
    }
    assert "replicas" not in json.dumps(
        [one for one in lab.api.get(f"{DEPLOYMENTS}/{FULL}-edge")["metadata"].get("annotations", {})]
    )


@step("made secrets outlive an upgrade")
def secrets_stay(lab):
    before = lab.secret("cluster", "key"), lab.secret("redis", "password")
    with lab.helm() as cfg:
        assert cfg.upgrade(CHART, RELEASE, VALUES, timeout=90)["status"] == "deployed"
    assert (lab.secret("cluster", "key"), lab.secret("redis", "password")) == before


@step("a count that Helm once wrote is carried on as it runs, when Helm is to let go of it")
def carried_on(lab):
    values = {
        "redis": {"enabled": True},
        "probes": {"enabled": False},
        "autoscaler": {"enabled": False},
        "edge": {**VALUES["edge"], "replicas": 2},
        "origin": VALUES["origin"],
    }
    freed = {**values, "edge": {**values["edge"], "replicas": None}}
    path = f"{DEPLOYMENTS}/other-relay-edge/scale"

    def count():
        return lab.api.get(path)["spec"].get("replicas", 0)

    with lab.helm() as cfg:
        cfg.install(CHART, "other", values, timeout=90)
        assert count() == 2
        cfg.upgrade(CHART, "other", {**values, "edge": {**values["edge"], "replicas": 3}}, timeout=90)
        assert count() == 3, "a number in values has to be followed"
        lab.api.patch(path, {"spec": {"replicas": 5}}, fieldManager="kubectl")
        for _ in range(2):
            cfg.upgrade(CHART, "other", freed, timeout=90)
            assert count() == 5, f"{count()} after letting go of 5"
        cfg.uninstall("other", timeout=90)


@step("the chart's Redis starts with its own settings, and its user can do no more than the relay needs")
def redis(lab):
    container = lab.api.get(f"{DEPLOYMENTS}/{FULL}-redis")["spec"]["template"]["spec"]["containers"][0]
    data = lab.folder / "redis"
    data.mkdir(parents=True, exist_ok=True)
    lab.redis_port = free_ports(1)[0]
    script = container["args"][0]
    for ours, there in (
        (f"port {lab.redis_port}", "port 6379"),
        ("bind 127.0.0.1", "bind * -::*"),
        (str(data), "/data"),
    ):
        assert there in script, f"{there!r} is not in the chart's command"
        script = script.replace(there, ours)
    password = lab.secret("redis", "password")
    child = Child(
        lab.children, "redis", [*container["command"], script], lab.folder, environment={"REDIS_PASSWORD": password}
    )
    child.start()

    def up():
        child.require_alive()
        try:
            with RedisClient(lab.redis_port) as client:
                return client.call("AUTH", password) == "OK" and client.call("PING") == "PONG"
        except OSError:
            return False

    lab.wait("Redis", 10, up)
    assert password not in pathlib.Path(f"/proc/{child.pid}/cmdline").read_text(), "the password is in the arguments"
    with RedisClient(lab.redis_port) as client:
        refused(lambda: client.call("GET", "relay:1:x"), "NOAUTH")
        client.call("AUTH", password)
        assert client.call("SET", "relay:1:x", "1") == "OK" and client.call("DEL", "relay:1:x") == 1
        for words in (
            ["SET", "other", "1"],
            ["KEYS", "*"],
            ["FLUSHALL"],
            ["CONFIG", "GET", "*"],
            ["ACL", "LIST"],
            ["SHUTDOWN"],
            ["PUBLISH", "other", "x"],
        ):
            refused(lambda words=words: client.call(*words), "NOPERM")


@step("what `helm test` runs passes with real nodes of the chart's settings")
def stream(lab):
    """Hollow pods never end, so Helm itself would wait for ever: its pod's commands run here, against an origin and an
    edge that have the chart's files, Redis and secrets. The pod itself has to be accepted by the API server."""
    release = None
    with lab.helm() as cfg:
        release = cfg.get_all(RELEASE)
    hooks = [hook for hook in release["hooks"] if "test" in json.dumps(hook)]
    assert len(hooks) == 1, hooks
    pod = yaml.safe_load(hooks[0]["manifest"])
    lab.api.post(f"/api/v1/namespaces/{NAMESPACE}/pods", pod, dryRun="All")
    rtmp, edge_rtmp, http, link, edge_link, *admin = free_ports(7)
    common = {"RELAY_LINK_HOST": "127.0.0.1", "RELAY_PROBE_HOST": "", "RELAY_LOG_LEVEL": "info"}
    nodes = [
        Child(
            lab.children,
            "real-origin",
            [lab.programs / "relay", "origin"],
            lab.folder,
            environment={
                **lab.environment("origin", "real-origin"),
                **common,
                "RELAY_RTMP_PORT": str(rtmp),
                "RELAY_HTTP_PORT": "0",
                "RELAY_LINK_PORT": str(link),
                "RELAY_ADMIN_PORT": str(admin[0]),
                "RELAY_LINK_ADVERTISE": "127.0.0.1",
            },
        ).start(),
        Child(
            lab.children,
            "real-edge",
            [lab.programs / "relay", "edge"],
            lab.folder,
            environment={
                **lab.environment("edge", "real-edge"),
                **common,
                "RELAY_RTMP_PORT": str(edge_rtmp),
                "RELAY_HTTP_PORT": str(http),
                "RELAY_LINK_PORT": str(edge_link),
                "RELAY_ADMIN_PORT": str(admin[1]),
                "RELAY_LINK_ADVERTISE": "127.0.0.1",
            },
        ).start(),
    ]
    commands = []
    try:
        password = lab.secret("redis", "password")

        def joined():
            for node in nodes:
                node.require_alive()
            with RedisClient(lab.redis_port) as client:
                client.call("AUTH", password)
                return client.call("EXISTS", "relay:1:node:real-origin", "relay:1:node:real-edge") == 2

        lab.wait("both nodes in the registry", 20, joined)
        places = {f"{FULL}-origin:1935": f"127.0.0.1:{rtmp}", f"{FULL}-edge:80": f"127.0.0.1:{http}"}
        for container in pod["spec"]["containers"]:
            words = [lab.programs / container["command"][0], *container["command"][1:], *container["args"]]
            for there, ours in places.items():
                words = [str(word).replace(there, ours) for word in words]
            commands.append(Child(lab.children, f"test-{container['name']}", words, lab.folder).start())
        for child in commands:
            status = child.wait(90)
            assert status == 0, f"{child.name} ended with {status}:\n{child.tail()}"
    finally:
        for child in (*commands, *nodes):
            child.end()
