"""Who owns the number of replicas."""

from support import BASE, merge, named, refused, render, render_beside


def test_a_count_that_is_not_helms_is_never_written():
    objects = render(BASE)
    assert "replicas" not in named(objects, "Deployment", "live-relay-edge")["spec"]
    assert "replicas" not in named(objects, "StatefulSet", "live-relay-origin")["spec"]
    for revision in ({"is_upgrade": True, "revision": 2},):
        assert "replicas" not in named(render(BASE, **revision), "Deployment", "live-relay-edge")["spec"]


def test_a_count_that_is_helms_is_written_and_marked():
    edge = named(render(merge(BASE, {"edge": {"replicas": 0}})), "Deployment", "live-relay-edge")
    assert edge["spec"]["replicas"] == 0 and edge["metadata"]["annotations"]["relay-replicas-by"] == "helm"


def test_helm_and_the_autoscaler_cannot_both_own_a_count():
    for tier in ("edge", "origin"):
        for mode in ("up-only", "on"):
            values = merge(BASE, {tier: {"replicas": 3}, "autoscaler": {tier: {"mode": mode}}})
            refused(values, f"set {tier}.replicas to null")
            render(merge(values, {"autoscaler": {"enabled": False}}))


def test_a_count_that_helm_once_wrote_is_carried_on_as_it_runs():
    path = "/apis/apps/v1/namespaces/media/deployments/live-relay-edge"
    running = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "live-relay-edge"}}
    running = merge(running, {"spec": {"replicas": 5}})
    for annotations, wanted in (({"relay-replicas-by": "helm"}, 5), ({}, None)):
        objects = render_beside({path: merge(running, {"metadata": {"annotations": annotations}})}, BASE)
        assert named(objects, "Deployment", "live-relay-edge")["spec"].get("replicas") == wanted, annotations
