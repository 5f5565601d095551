"""What the autoscaler may do, and that nobody else may do anything."""

from support import BASE, SETS, Skip, merge, named, of_kind, pods, render


def role(values):
    return named(render(values), "Role", "live-relay-autoscaler")["rules"]


def test_the_autoscaler_has_these_rights_and_no_others():
    rights = set()
    for rule in role(BASE):
        assert "*" not in str(rule), rule
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                for verb in rule["verbs"]:
                    for name in rule.get("resourceNames", [""]):
                        rights.add((group, resource, verb, name))
    edge, origin, lease = "live-relay-edge", "live-relay-origin", "live-relay-autoscaler"
    wanted = {
        ("apps", "deployments/scale", "get", edge),
        ("apps", "deployments/scale", "patch", edge),
        ("apps", "statefulsets/scale", "get", origin),
        ("apps", "statefulsets/scale", "patch", origin),
        ("apps", "deployments", "get", edge),
        ("apps", "statefulsets", "get", origin),
        ("", "pods", "list", ""),
        ("", "pods", "watch", ""),
        ("", "pods", "patch", ""),
        ("coordination.k8s.io", "leases", "create", ""),
        ("coordination.k8s.io", "leases", "get", lease),
        ("coordination.k8s.io", "leases", "update", lease),
        ("events.k8s.io", "events", "create", ""),
        ("autoscaling", "horizontalpodautoscalers", "list", ""),
        ("keda.sh", "scaledobjects", "list", ""),
    }
    assert rights == wanted, f"too many: {rights - wanted}, too few: {wanted - rights}"


def test_an_exporting_autoscaler_may_only_elect_a_leader():
    assert {tuple(rule["resources"]) for rule in role(SETS["export"])} == {("leases",)}
    assert not of_kind(render(SETS["export"]), "ValidatingAdmissionPolicy")


def test_pods_may_only_be_patched_in_one_annotation():
    policy = of_kind(render(BASE), "ValidatingAdmissionPolicy")[0]
    binding = of_kind(render(BASE), "ValidatingAdmissionPolicyBinding")[0]
    assert binding["spec"] == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert "system:serviceaccount:media:live-relay-autoscaler" in policy["spec"]["matchConditions"][0]["expression"]
    assert len(policy["spec"]["validations"]) == 3
    assert not of_kind(render(merge(BASE, {"autoscaler": {"rbac": {"podPolicy": "off"}}})), "ValidatingAdmissionPolicy")


def judge(policy, before, after, user):
    """What an API server would make of an update under this policy: None = allowed, otherwise the message. Evaluated by
    CEL's own runtime."""
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_optional
    except ImportError as error:
        raise Skip(f"no CEL runtime: {error}") from None
    extension = next(one for name, one in vars(ext_optional).items() if isinstance(one, type) and "ptional" in name)
    names = ("object", "oldObject", "request", "variables")
    env = cel.NewEnv(variables={name: cel.Type.DYN for name in names}, extensions=[extension()])
    data = {"object": after, "oldObject": before, "request": {"userInfo": {"username": user}}, "variables": {}}

    def value(expression):
        result = env.compile(expression).eval(data=data)
        return result.plain_value() if hasattr(result, "plain_value") else result.value()

    spec = policy["spec"]
    if not all(value(one["expression"]) is True for one in spec["matchConditions"]):
        return None
    for one in spec["variables"]:
        data["variables"][one["name"]] = value(one["expression"])
    return next((one["message"] for one in spec["validations"] if value(one["expression"]) is not True), None)


def test_the_pod_policy_lets_the_deletion_cost_through_and_nothing_else():
    policy = of_kind(render(BASE), "ValidatingAdmissionPolicy")[0]
    account, cost = "system:serviceaccount:media:live-relay-autoscaler", "controller.kubernetes.io/pod-deletion-cost"
    bare = {"metadata": {"name": "p", "labels": {"a": "b"}}, "spec": {"x": "1"}, "status": {"phase": "Running"}}

    def pod(**changes):
        return merge(bare, changes)

    noted = pod(metadata={"annotations": {"checksum/config": "1"}})
    for before, after in [
        (bare, pod(metadata={"annotations": {cost: "-1000"}})),
        (pod(metadata={"annotations": {cost: "-1000"}}), bare),
        (bare, bare),
        (noted, merge(noted, {"metadata": {"annotations": {cost: "5"}}})),
        (
            merge(noted, {"metadata": {"annotations": {cost: "5"}}}),
            merge(noted, {"metadata": {"annotations": {cost: "-7"}}}),
        ),
    ]:
        assert judge(policy, before, after, account) is None, (before, after)
    for before, after, word in [
        (bare, pod(metadata={"annotations": {"other": "1"}}), "annotations"),
        (noted, bare, "annotations"),
        (noted, merge(noted, {"metadata": {"annotations": {"checksum/config": "2"}}}), "annotations"),
        (noted, merge(noted, {"metadata": {"annotations": {cost: "1", "x": "y"}}}), "annotations"),
        (bare, pod(metadata={"labels": {"a": "c"}}), "whose"),
        (bare, pod(metadata={"labels": {"z": "c"}}), "whose"),
        (bare, pod(metadata={"finalizers": ["f"]}), "whose"),
        (bare, pod(metadata={"ownerReferences": [{"name": "x"}]}), "whose"),
        (bare, pod(spec={"x": "2"}), "what a pod is"),
        (bare, pod(status={"phase": "Failed"}), "what a pod is"),
    ]:
        message = judge(policy, before, after, account)
        assert message and word in message, (after, message)
        assert (
            judge(policy, before, after, "system:serviceaccount:kube-system:replicaset-controller") is None
        ), "others are none of its business"


def test_rights_of_ones_own_are_left_alone():
    objects = render(merge(BASE, {"autoscaler": {"rbac": {"create": False, "serviceAccountName": "mine"}}}))
    assert not of_kind(objects, "Role", "RoleBinding", "ValidatingAdmissionPolicy")
    assert (
        named(objects, "Deployment", "live-relay-autoscaler")["spec"]["template"]["spec"]["serviceAccountName"]
        == "mine"
    )
    assert [one["metadata"]["name"] for one in of_kind(objects, "ServiceAccount")] == ["live-relay-node"]


def test_nodes_have_an_account_without_rights_and_without_a_token():
    objects = render(BASE)
    accounts = {one["metadata"]["name"]: one for one in of_kind(objects, "ServiceAccount")}
    assert all(one["automountServiceAccountToken"] is False for one in accounts.values())
    bound = {subject["name"] for one in of_kind(objects, "RoleBinding") for subject in one["subjects"]}
    assert bound == {"live-relay-autoscaler"}
    for _, component, _, spec in pods(objects):
        expected = "live-relay-autoscaler" if component == "autoscaler" else "live-relay-node"
        assert spec["serviceAccountName"] == expected, component
