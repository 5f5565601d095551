"""Steps with the autoscaler: growing, shrinking, and who else sets counts."""

import json
import time
import urllib.error
import urllib.request

from lab import ACCOUNT, CHART, FULL, NAMESPACE, RELEASE, STATEFUL, UTILISATION, VALUES, VIEWERS, actions, step
from fleet import Fleet


@step("one of two autoscalers leads, and proves its rights")
def leads(lab):
    lab.fleet = Fleet(lab.api, NAMESPACE, RELEASE, lab.redis_port, lab.secret("redis", "password"))
    lab.scale(8)
    lab.scale(3, STATEFUL, "origin")
    # Four edges' worth, a little below.
    lab.fleet.demand = 3.4 * VIEWERS * UTILISATION
    lab.fleet.publishing = {f"{FULL}-origin-0": 2, f"{FULL}-origin-2": 1}
    lab.fleet.start()
    lab.wait("8 edges and 3 origins ready", 60, lambda: len(lab.ready("edge")) == 8 and len(lab.ready("origin")) == 3)
    for name in ("autoscaler-a", "autoscaler-b"):
        lab.start_autoscaler(name)
    lab.wait("a leader", 20, lambda: lab.leader() in lab.autoscalers)
    lab.say(f"{lab.leader()} leads")
    lab.wait("a decision", 20, lab.decision)
    uses = lab.plane.audited(ACCOUNT)
    dry = [use for use in uses if "dryRun=All" in use["uri"] and use["verb"] == "patch"]
    assert any(use["subresource"] == "scale" for use in dry), "no dry run of a scale was seen in the audit log"
    ready_answer(lab)


def ready_answer(lab):
    for child in lab.autoscalers.values():
        for path in ("/livez", "/readyz"):
            with urllib.request.urlopen(child.probe + path, timeout=5) as answer:
                assert answer.status == 200, f"{child.name} {path}: {answer.status}"
        refused_http(child.probe + "/v1/autoscale/status", 404)


def refused_http(url, code):
    try:
        urllib.request.urlopen(url, timeout=5)
    except urllib.error.HTTPError as error:
        assert error.code == code, f"{url}: {error.code}"
        return
    raise AssertionError(f"{url} was answered")


@step("scale-in takes drained edges only, those that were decided on, and cuts nobody")
def scale_in(lab):
    before = {name: node.uid for name, node in lab.fleet.nodes.items() if node.role == "edge"}
    first = len(lab.fleet.gone)
    seen = set()

    def shrunk():
        seen.update(lab.fleet.draining())
        return lab.replicas() <= 5

    lab.wait("at most 5 replicas", 150, shrunk)
    lab.wait(
        "the controller to delete",
        30,
        lambda: len([one for one in lab.fleet.gone[first:] if one[1] == "edge"]) == 8 - lab.replicas(),
    )
    gone = [one for one in lab.fleet.gone[first:] if one[1] == "edge"]
    lab.say(f"{len(gone)} edges went, {lab.told()}")
    drained = {
        node for decision in lab.decisions() for action in actions(decision, "drain") for node in drained_names(action)
    }
    for name, _, uid, by_autoscaler, viewers, _ in gone:
        assert by_autoscaler, f"{name} was deleted without being drained"
        assert viewers == 0, f"{name} was deleted with {viewers} viewers"
        assert before[name] == uid and name in drained, f"{name} was deleted, decided were {sorted(drained)}"
    marked = [
        use
        for use in lab.plane.audited(ACCOUNT)
        if use["resource"] == "pods" and use["verb"] == "patch" and "dryRun" not in use["uri"]
    ]
    assert {one[0] for one in gone} <= {
        use["name"] for use in marked
    }, "deleted pods were not marked with a deletion cost"
    assert lab.fleet.cut == 0, f"{lab.fleet.cut} viewers were cut"
    assert lab.replicas() >= 4, f"{lab.replicas()} replicas are too few for {lab.fleet.demand:.0f} viewers"


def drained_names(action):
    """Names of `drain([NodeID], deadline:)`, as Swift's Codable writes them."""
    nodes = action.get("_0", [])
    return [node if isinstance(node, str) else node.get("text", "") for node in nodes]


@step("an origin with a publisher is never a victim: scale-in waits for the highest ordinal")
def origins_wait(lab):
    assert lab.replicas(STATEFUL, "origin") == 3, f"{lab.replicas(STATEFUL, 'origin')} origins; {lab.told('origin')}"
    assert not [one for one in lab.fleet.gone if one[1] == "origin"]
    # It takes no new publishers, so that scale-in comes to an end one day; and is left alone for as long as it has one.
    lab.wait(
        "the highest ordinal to drain, and the decision to say that it waits",
        60,
        lambda: lab.fleet.draining("origin") == [f"{FULL}-origin-2"]
        and {"draining", "waiting_for_publishers"}
        & {block["code"] for block in (lab.decision("origin") or {"blocks": []})["blocks"]},
    )
    end = time.monotonic() + 12
    while time.monotonic() < end:
        assert lab.replicas(STATEFUL, "origin") == 3, "an origin with a publisher was taken away"
        time.sleep(0.5)
    lab.say(lab.told("origin"))
    # Its publisher goes elsewhere, as it is asked to while the origin drains.
    lab.fleet.publishing = {f"{FULL}-origin-0": 3}
    lab.wait("the origins without a publisher to go", 150, lambda: lab.replicas(STATEFUL, "origin") == 1)
    lab.wait(
        "the controller to delete them", 60, lambda: len([one for one in lab.fleet.gone if one[1] == "origin"]) == 2
    )
    for name, _, _, by_autoscaler, _, publishers in [one for one in lab.fleet.gone if one[1] == "origin"]:
        assert (
            by_autoscaler and publishers == 0
        ), f"{name} went with {publishers} publishers, drained by us: {by_autoscaler}"


@step("a crowd brings more edges, as many as were decided")
def scale_out(lab):
    before = lab.replicas()
    began = time.monotonic()
    lab.fleet.demand = 9.4 * VIEWERS * UTILISATION
    lab.wait("at least 10 replicas", 90, lambda: lab.replicas() >= 10)
    asked = time.monotonic() - began
    lab.wait("10 ready edges", 60, lambda: len(lab.ready("edge")) >= 10)
    lab.say(
        f"{before} -> {lab.replicas()} replicas asked for after {asked:.1f} s, ready after {time.monotonic() - began:.1f} s; {lab.told()}"
    )
    scaled = [
        action for decision in lab.decisions() for action in actions(decision, "scale") if action["to"] > action["from"]
    ]
    assert (
        scaled and max(action["to"] for action in scaled) == lab.replicas()
    ), f"{lab.replicas()} replicas, decided: {scaled[-5:]}"
    assert lab.fleet.cut == 0


@step("a count set by hand is taken as the floor for a while")
def by_hand(lab):
    lab.wait(
        "a quiet tier",
        60,
        lambda: (lab.decision() or {}).get("target") == lab.replicas() and len(lab.ready("edge")) == lab.replicas(),
    )
    wanted = lab.replicas() + 4
    lab.scale(wanted)
    lab.wait(
        "the decision to name it",
        20,
        lambda: lab.decision()
        and (
            lab.decision()["reason"] == "manual_override"
            or any(block["code"] == "manual_override" for block in lab.decision()["blocks"])
        ),
    )
    lab.say(lab.told())
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert lab.replicas() >= wanted, f"{lab.replicas()} replicas, {wanted} were set by hand; {lab.told()}"
        time.sleep(0.5)


@step("an upgrade and a rollback keep replicas and pods")
def upgrade(lab):
    counts = lab.replicas(), lab.replicas(STATEFUL, "origin")
    uids = {pod["metadata"]["uid"] for part in ("edge", "origin") for pod in lab.pods(part)}
    changed = json.loads(json.dumps(VALUES))
    changed["autoscaler"]["config"] = {"log": {"level": "info"}}
    changed["monitoring"] = {"interval": "20s"}
    with lab.helm() as cfg:
        cfg.upgrade(CHART, RELEASE, changed, timeout=90)
        assert (lab.replicas(), lab.replicas(STATEFUL, "origin")) >= counts, "the upgrade took replicas away"
        cfg.rollback(RELEASE, version=1, timeout=90)
        after = lab.replicas(), lab.replicas(STATEFUL, "origin")
        assert after >= counts, f"the rollback to the first revision took replicas away: {counts} -> {after}"
        history = cfg.history(RELEASE)
    time.sleep(3)
    still = {
        pod["metadata"]["uid"]
        for part in ("edge", "origin")
        for pod in lab.pods(part)
        if not pod["metadata"].get("deletionTimestamp")
    }
    assert uids <= still, f"{len(uids - still)} pods of origins and edges were replaced"
    assert lab.fleet.cut == 0
    lab.say(f"{counts[0]} edges and {counts[1]} origins through {len(history)} revisions")
