"""All scenarios, in the order in which they run. A fault is a file; it registers its scenarios when it is imported."""

import importlib

#: name -> Scenario
SCENARIOS = {}

FILES = (
    "origin_kill",
    "origin_kill_standby",
    "origin_freeze",
    "origin_restarts",
    "redis_away",
    "redis_empty",
    "redis_refuses",
    "redis_slow",
    "redis_failover",
    "registry_partition",
    "namespaces",
    "registry_traffic",
    "edge_kill",
    "herd",
    "unknown_streams",
    "hop_delay",
    "edge_cpu",
    "drain_edge",
    "drain_origin",
    "wrong_cluster_key",
    "stories",
)


class Scenario:
    def __init__(self, name, title, limit, run):
        self.name, self.title, self.limit, self.run = name, title, limit, run


def scenario(name, title, limit):
    """Registers a function of the lab. `limit`: seconds after which it has failed, whatever it waits for."""

    def register(run):
        SCENARIOS[name] = Scenario(name, title, limit, run)
        return run

    return register


def load_all():
    for file in FILES:
        importlib.import_module(f"{__name__}.{file}")
    return SCENARIOS
