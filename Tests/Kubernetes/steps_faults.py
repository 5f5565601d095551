"""Steps in which something is taken away: the leader, Redis."""

import time

from lab import HANDOVER_SECONDS, LEASE, UTILISATION, VIEWERS, step


@step("when the leader is killed the other acts within the lease")
def failover(lab):
    name = lab.leader()
    other = next(one for one in lab.autoscalers if one != name)
    before = lab.api.get(LEASE)["spec"]["leaseTransitions"]
    child = lab.autoscalers[name]
    child.expected_dead = True
    child.kill()
    killed = time.monotonic()
    # What comes now only the other can see to.
    lab.fleet.demand = (lab.replicas() + 4) * VIEWERS * UTILISATION
    wanted = lab.replicas()
    lab.wait("the other to hold the lease", HANDOVER_SECONDS, lambda: lab.leader() == other)
    took = time.monotonic() - killed
    spec = lab.api.get(LEASE)["spec"]
    assert spec["leaseTransitions"] == before + 1, f"{before} -> {spec['leaseTransitions']} transitions"
    lab.wait("the other to act", 60, lambda: lab.replicas() > wanted)
    lab.say(f"{other} leads {took:.1f} s after the kill and acts after {time.monotonic() - killed:.1f} s; {lab.told()}")
    lab.autoscalers.pop(name)
    lab.start_autoscaler(name + "2")
    time.sleep(4)
    assert lab.leader() == other, "the one that came back took the lease away"


@step("a leader that is asked to end gives the lease back at once")
def resign(lab):
    name = lab.leader()
    child = lab.autoscalers[name]
    child.expected_dead = True
    began = time.monotonic()
    status = child.end()
    assert status == 0, f"ended with {status}:\n{child.tail()}"
    lab.autoscalers.pop(name)
    lab.wait("another leader", 8, lambda: lab.leader() not in ("", name))
    lab.say(f"{lab.leader()} leads {time.monotonic() - began:.1f} s after the order to end")


@step("while Redis is away nothing changes, and it goes on when Redis is back")
def without_redis(lab):
    child = next(one for one in lab.children if one.name == "redis")
    lab.wait(
        "a quiet tier", 90, lambda: (lab.decision() or {}).get("target") == lab.replicas() and not lab.fleet.draining()
    )
    before = lab.replicas()
    child.freeze()
    end = time.monotonic() + 15
    try:
        while time.monotonic() < end:
            assert lab.replicas() == before, f"{before} -> {lab.replicas()} while Redis was away"
            time.sleep(0.5)
    finally:
        child.thaw()
    newest = (lab.decision() or {}).get("wallMilliseconds", 0)
    lab.wait(
        "a decision after Redis came back",
        40,
        lambda: (lab.decision() or {}).get("wallMilliseconds", 0) > newest + 3000,
    )
    assert lab.replicas() >= before
