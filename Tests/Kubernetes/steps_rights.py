"""Steps about rights, by the audit log, by asking, and by taking one away."""

import json

from lab import ACCOUNT, FULL, NAMESPACE, UTILISATION, VIEWERS, refused, step

GRANTED = {
    ("apps", "deployments/scale", "get"),
    ("apps", "deployments/scale", "patch"),
    ("apps", "statefulsets/scale", "get"),
    ("apps", "statefulsets/scale", "patch"),
    ("apps", "deployments", "get"),
    ("apps", "statefulsets", "get"),
    ("", "pods", "list"),
    ("", "pods", "watch"),
    ("", "pods", "patch"),
    ("coordination.k8s.io", "leases", "create"),
    ("coordination.k8s.io", "leases", "get"),
    ("coordination.k8s.io", "leases", "update"),
    ("events.k8s.io", "events", "create"),
    ("autoscaling", "horizontalpodautoscalers", "list"),
    ("keda.sh", "scaledobjects", "list"),
}


@step("its rights were enough: nothing was denied")
def enough(lab):
    denied = [use for use in lab.plane.audited(ACCOUNT) if use["code"] in (401, 403)]
    assert not denied, f"{len(denied)} calls were denied, the first: {denied[0]}"
    for child in lab.children:
        if child.name.startswith("autoscaler-") and child.log.exists():
            assert "rbac_denied" not in child.log.read_text(errors="replace"), f"{child.name} says rbac_denied"


@step("and not more than that: every right was used")
def not_more(lab):
    used = {
        (use["group"], use["resource"] + (f"/{use['subresource']}" if use["subresource"] else ""), use["verb"])
        for use in lab.plane.audited(ACCOUNT)
    }
    assert used <= GRANTED, f"used, though not in the chart: {used - GRANTED}"
    assert used == GRANTED, f"granted and never used: {sorted(GRANTED - used)}"


@step("what it does not need is refused")
def nothing_more(lab):
    review = lab.api.__class__(lab.plane.url, lab.plane.token, lab.plane.ca, impersonate=ACCOUNT)

    def allowed(verb, group, resource, name="", namespace=NAMESPACE, subresource=""):
        answer = lab.api.post(
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SubjectAccessReview",
                "spec": {
                    "user": ACCOUNT,
                    "groups": ["system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}", "system:authenticated"],
                    "resourceAttributes": {
                        "namespace": namespace,
                        "verb": verb,
                        "group": group,
                        "resource": resource,
                        "subresource": subresource,
                        "name": name,
                    },
                },
            },
        )
        return answer["status"]["allowed"]

    edge, origin, lease = f"{FULL}-edge", f"{FULL}-origin", f"{FULL}-autoscaler"
    assert allowed("patch", "apps", "deployments", edge, subresource="scale") and allowed(
        "get", "apps", "statefulsets", origin
    )
    assert allowed("update", "coordination.k8s.io", "leases", lease), "the probe itself does not work"
    verbs = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
    wrong = []
    for group, resource in (
        ("", "secrets"),
        ("", "configmaps"),
        ("", "nodes"),
        ("", "services"),
        ("", "namespaces"),
        ("", "serviceaccounts"),
        ("", "events"),
        ("apps", "replicasets"),
        ("apps", "daemonsets"),
        ("batch", "jobs"),
        ("rbac.authorization.k8s.io", "roles"),
        ("rbac.authorization.k8s.io", "rolebindings"),
        ("networking.k8s.io", "networkpolicies"),
        ("policy", "poddisruptionbudgets"),
    ):
        wrong += [(verb, resource) for verb in verbs if allowed(verb, group, resource)]
    for verb in verbs:
        # Everything of these is allowed under another name, or not at all.
        wrong += [
            (verb, f"deployments/{name}")
            for name in (f"{FULL}-autoscaler", f"{FULL}-redis", "other")
            if allowed(verb, "apps", "deployments", name)
        ]
        wrong += [
            (verb, f"deployments/{name}/scale")
            for name in (f"{FULL}-autoscaler", f"{FULL}-redis", origin)
            if allowed(verb, "apps", "deployments", name, subresource="scale")
        ]
        wrong += (
            [(verb, "statefulsets of another name")]
            if allowed(verb, "apps", "statefulsets", edge, subresource="scale")
            else []
        )
        wrong += [(verb, "pods elsewhere")] if allowed(verb, "", "pods", namespace="kube-system") else []
        wrong += (
            [(verb, "leases elsewhere")]
            if allowed(verb, "coordination.k8s.io", "leases", lease, namespace="kube-system")
            else []
        )
        wrong += [
            (verb, f"pods/{sub}")
            for sub in ("exec", "eviction", "status", "log", "portforward", "attach", "binding")
            if allowed(verb, "", "pods", "x", subresource=sub)
        ]
        if verb not in ("get",):
            wrong += [(verb, "deployments edge")] if allowed(verb, "apps", "deployments", edge) else []
        if verb not in ("get", "update", "create"):
            wrong += [(verb, "leases")] if allowed(verb, "coordination.k8s.io", "leases", lease) else []
        if verb not in ("list", "watch", "patch"):
            wrong += [(verb, "pods")] if allowed(verb, "", "pods", "x") else []
        if verb != "create":
            wrong += [(verb, "leases other")] if allowed(verb, "coordination.k8s.io", "leases", "other") else []
    wrong += [("impersonate", "users")] if allowed("impersonate", "", "users", namespace="") else []
    assert not wrong, f"allowed, and not needed: {wrong}"
    # Two of them for real, not only reviewed.
    refused(lambda: review.get(f"/api/v1/namespaces/{NAMESPACE}/secrets"), "403")
    refused(lambda: review.delete(f"/api/v1/namespaces/{NAMESPACE}/pods/{lab.pods()[0]['metadata']['name']}"), "403")


@step("without a right it names the missing one, changes nothing, and goes on when it is given again")
def denied(lab):
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}/roles/{FULL}-autoscaler"
    role = lab.api.get(path)
    kept = json.loads(json.dumps(role["rules"]))
    for rule in role["rules"]:
        if rule["resources"] == ["deployments/scale"]:
            rule["verbs"] = ["get"]
    lab.api.patch(path, {"rules": role["rules"]})
    try:
        before = lab.replicas()
        lab.fleet.demand = (before + 6) * VIEWERS * UTILISATION
        lab.wait(
            "the decision to say so",
            60,
            lambda: any(block["code"] == "rbac_denied" for block in (lab.decision() or {"blocks": []})["blocks"]),
        )
        text = next(block["text"] for block in lab.decision()["blocks"] if block["code"] == "rbac_denied")
        assert "patch" in text and "deployments/scale" in text, text
        assert lab.replicas() == before
        lab.say(text)
    finally:
        lab.api.patch(path, {"rules": kept})
    lab.wait("it to go on", 120, lambda: lab.replicas() > before)
