"""Network policies, load balancers, scraping."""

import shlex

import kubernetes_validate
import yaml

from support import BASE, CHART, KUBERNETES, ROOT, SETS, merge, named, notes, of_kind, refused, render

LOAD_BALANCER = "service.beta.kubernetes.io/aws-load-balancer-"


def policies(values):
    return {one["metadata"]["name"].rsplit("-", 1)[1]: one["spec"] for one in of_kind(render(values), "NetworkPolicy")}


def test_everything_is_denied_that_is_not_named():
    deny = policies(BASE)["deny"]
    assert deny["policyTypes"] == ["Ingress", "Egress"] and "ingress" not in deny and "egress" not in deny
    assert deny["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "relay",
        "app.kubernetes.io/instance": "live",
    }


def arrows(rules, side):
    """(component or 'anybody', port) of the rules on one side."""
    found = set()
    for rule in rules or []:
        peers = [
            one.get("podSelector", {}).get("matchLabels", {}).get("app.kubernetes.io/component", "somebody")
            for one in rule.get(side, [])
        ]
        for peer in peers or ["anybody"]:
            for port in rule["ports"]:
                found.add((peer, port["port"]))
    return found


def test_these_arrows_exist_and_no_others():
    found = policies(BASE)
    wanted = {
        "origin": (
            {("anybody", 1935), ("edge", 1985), ("origin", 1985), ("edge", 1935), ("origin", 1935), ("somebody", 9091)},
            {("anybody", 53), ("redis", 6379), ("origin", 1985), ("edge", 1985)},
        ),
        "edge": (
            {("anybody", 8080), ("edge", 1985), ("origin", 1985), ("somebody", 9091)},
            {("anybody", 53), ("redis", 6379), ("origin", 1985), ("edge", 1985), ("origin", 1935), ("edge", 1935)},
        ),
        "autoscaler": ({("somebody", 9091)}, {("anybody", 53), ("redis", 6379), ("anybody", 443), ("anybody", 6443)}),
        "redis": ({("origin", 6379), ("edge", 6379), ("autoscaler", 6379)}, set()),
        "test": (set(), {("anybody", 53), ("origin", 1935), ("edge", 8080)}),
    }
    assert set(found) == {*wanted, "deny"}, set(found)
    for component, (comes, goes) in wanted.items():
        assert arrows(found[component].get("ingress"), "from") == comes, component
        assert arrows(found[component].get("egress"), "to") == goes, component


def test_named_peers_replace_anybody():
    found = policies(SETS["production"])
    assert {"ipBlock": {"cidr": "198.51.100.0/24"}} in found["origin"]["ingress"][0]["from"]
    assert ("anybody", 1935) not in arrows(found["origin"]["ingress"], "from")
    assert ("anybody", 6379) not in arrows(found["edge"]["egress"], "to")
    assert ("anybody", 443) not in arrows(found["autoscaler"]["egress"], "to")


def test_edges_offer_rtmp_only_when_asked_and_let_in_what_they_offer():
    service = named(render(BASE), "Service", "live-relay-edge")
    assert [port["name"] for port in service["spec"]["ports"]] == ["http"]
    for ports, inside in (
        ({}, {8080}),
        ({"rtmpPort": 1935}, {8080, 1935}),
        ({"httpPort": 0, "rtmpPort": 1936}, {1935}),
    ):
        objects = render(merge(BASE, {"edge": {"service": ports}}))
        admitted = arrows(named(objects, "NetworkPolicy", "live-relay-edge")["spec"]["ingress"], "from")
        assert {port for peer, port in admitted if peer == "anybody"} == inside, ports
        asked = arrows(named(objects, "NetworkPolicy", "live-relay-test")["spec"]["egress"], "to")
        assert {port for peer, port in asked if peer == "edge"} == inside, ports
        viewer = named(objects, "Pod", "live-relay-test")["spec"]["containers"][1]["args"][0]
        offered = {port["port"] for port in named(objects, "Service", "live-relay-edge")["spec"]["ports"]}
        assert viewer.startswith(("http://live-relay-edge:80/", "rtmp://live-relay-edge:1936/")), viewer
        assert int(viewer.split(":")[2].split("/")[0]) in offered, viewer


def test_a_load_balancer_that_asks_pods_itself_may_ask_their_probe_port():
    def asking(values, tier):
        probe = {"port": 9091, "protocol": "TCP"}
        return [rule for rule in policies(values)[tier]["ingress"] if probe in rule["ports"]]

    aws = {"service": {"type": "LoadBalancer", "provider": "aws"}}
    anywhere = {"ports": [{"port": 9091, "protocol": "TCP"}]}
    for tier, other in (("edge", "origin"), ("origin", "edge")):
        values = merge(BASE, {tier: aws})
        assert anywhere in asking(values, tier) and anywhere not in asking(values, other), tier
        peers = [{"ipBlock": {"cidr": "10.0.0.0/16"}}]
        values = merge(values, {"networkPolicy": {"loadBalancers": peers}})
        assert {"from": peers, **anywhere} in asking(values, tier) and anywhere not in asking(values, tier), tier
    for service in ({"type": "ClusterIP", "provider": "aws"}, {"type": "LoadBalancer", "provider": "gcp"}):
        assert len(asking(merge(BASE, {"edge": {"service": service}}), "edge")) == 1, service


def test_an_nlb_cuts_no_flow_of_a_pod_that_drains_and_none_that_is_silent_for_a_while():
    def annotations(service, **edge):
        values = merge(BASE, {"edge": {"service": {"provider": "aws", **service}, **edge}})
        return named(render(values), "Service", "live-relay-edge")["metadata"]["annotations"]

    def attributes(found):
        return dict(one.split("=") for one in found[LOAD_BALANCER + "target-group-attributes"].split(","))

    group = attributes(annotations({}))
    assert group["deregistration_delay.connection_termination.enabled"] == "false"
    assert group["deregistration_delay.timeout_seconds"] == "600"
    assert group["target_health_state.unhealthy.connection_termination.enabled"] == "false"
    assert group["target_health_state.unhealthy.draining_interval_seconds"] == "600"
    longest = attributes(annotations({}, drainSeconds=86_400))
    assert longest["deregistration_delay.timeout_seconds"] == "3600", "the most that AWS takes"
    assert longest["target_health_state.unhealthy.draining_interval_seconds"] == "86400"
    for service, ports in (({}, {"80"}), ({"httpPort": 8000, "rtmpPort": 1935}, {"8000", "1935"})):
        prefix = LOAD_BALANCER + "listener-attributes.TCP-"
        found = {key: value for key, value in annotations(service).items() if key.startswith(prefix)}
        assert found == {prefix + port: "tcp.idle_timeout.seconds=6000" for port in ports}, found
    origin = named(render(SETS["production"]), "Service", "live-relay-origin")["metadata"]["annotations"]
    assert LOAD_BALANCER + "listener-attributes.TCP-1935" in origin


def test_load_balancers_keep_long_connections_and_addresses():
    production = named(render(SETS["production"]), "Service", "live-relay-edge")
    assert production["metadata"]["annotations"][LOAD_BALANCER + "nlb-target-type"] == "ip"
    azure = named(render(SETS["export"]), "Service", "live-relay-edge")
    assert azure["metadata"]["annotations"]["service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout"] == "30"
    for name in ("production", "export", "canary"):
        assert named(render(SETS[name]), "Service", "live-relay-edge")["spec"]["externalTrafficPolicy"] == "Local", name
    assert named(render(BASE), "Service", "live-relay-origin")["spec"]["type"] == "ClusterIP"


def test_scraping_is_optional():
    assert not of_kind(render(BASE), "PodMonitor", "ServiceMonitor")
    assert of_kind(render(SETS["production"]), "PodMonitor")[0]["metadata"]["labels"]["release"] == "prometheus"
    monitor = of_kind(render(SETS["export"]), "ServiceMonitor")[0]
    service = named(render(SETS["export"]), "Service", "live-relay-metrics")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()


def test_figures_are_scraped_once_and_by_somebody_who_is_let_in():
    refused(merge(BASE, {"monitoring": {"podMonitor": True, "serviceMonitor": True}}), "podMonitor", "serviceMonitor")
    for monitor in ("podMonitor", "serviceMonitor"):
        values = merge(BASE, {"monitoring": {monitor: True}})
        assert "networkPolicy.metrics" in notes(values), monitor
        for cured in ({"enabled": False}, {"metrics": [{"namespaceSelector": {}}]}):
            assert "networkPolicy.metrics" not in notes(merge(values, {"networkPolicy": cured})), cured
    assert "networkPolicy.metrics" not in notes(BASE)


def test_the_chart_says_what_to_do_next():
    for name, values in SETS.items():
        text = notes(values)
        for step in ("  1. ", "  2. ", "  3. "):
            assert step in text, text
        assert text.count("kubectl") >= 2 and "helm -n media test live\n" in text, name
        assert not any(line.endswith(" ") or "<no value>" in line for line in text.splitlines()), text


def test_the_chart_warns_of_whoever_could_publish():
    def warned(tier, **service):
        return f"{tier}.service.loadBalancerSourceRanges" in notes(merge(BASE, {tier: {"service": service}}))

    assert warned("edge", rtmpPort=1935) and warned("origin", type="LoadBalancer")
    assert not warned("edge") and not warned("origin")
    assert not warned("edge", rtmpPort=1935, type="ClusterIP")
    assert not warned("edge", rtmpPort=1935, loadBalancerSourceRanges=["198.51.100.0/24"])
    assert "rtmp://ADDRESS:1935/live/NAME" in notes(merge(BASE, {"edge": {"service": {"rtmpPort": 1935}}}))
    assert "ADDRESS:0" not in notes(BASE) and "http://ADDRESS:80/live/NAME.flv" in notes(BASE)


def test_the_chart_says_of_each_driver_what_that_one_does():
    acts = "it acts with autoscaler.edge.mode=on"
    assert acts in notes(BASE)
    for driver, word in (("export", "an HPA or KEDA\n     of yours sets the number"), ("dry", "It only explains")):
        text = notes(merge(BASE, {"autoscaler": {"driver": driver, "edge": {"mode": "observe"}}}))
        assert acts not in text and word in text, text
    assert acts not in notes(merge(BASE, {"autoscaler": {"edge": {"mode": "on"}}}))


def test_the_chart_says_that_one_origin_is_not_enough():
    sentence = "nobody can publish while its pod is replaced"
    assert sentence in notes(BASE) and "scale statefulset live-relay-origin --replicas=2" in notes(BASE)
    assert sentence in notes(merge(BASE, {"origin": {"replicas": 1}}))
    grown = {"autoscaler": {"origin": {"mode": "up-only", "minimum": 1}}}
    assert sentence in notes(merge(BASE, grown))
    for values in ({"origin": {"replicas": 2}}, merge(grown, {"autoscaler": {"origin": {"minimum": 2}}})):
        assert sentence not in notes(merge(BASE, values)), values
    running = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "live-relay-origin"}}
    live = {"/apis/apps/v1/namespaces/media/statefulsets/live-relay-origin": {**running, "spec": {"replicas": 2}}}
    assert sentence not in notes(BASE, live), "somebody has scaled it"


def test_the_test_of_a_release_can_be_read_afterwards():
    pod = named(render(BASE), "Pod", "live-relay-test")
    assert pod["metadata"]["annotations"]["helm.sh/hook-delete-policy"] == "before-hook-creation"
    readme = (CHART / "README.md").read_text()
    for text in (notes(BASE), readme):
        # Helm asks for the logs of a pod without naming one of its two containers, and fails.
        assert "logs live-relay-test --all-containers" in text and "--logs" not in text, text


def test_the_commands_of_the_readme_can_be_typed():
    readme = (CHART / "README.md").read_text()
    lines = [line for line in readme.replace("\\\n", " ").splitlines() if line.startswith("helm install")]
    assert len(lines) == 2, lines
    for line in lines:
        words = shlex.split(line)
        values = {}
        for key, value in (word.split("=") for word in words if "=" in word):
            place = values
            for part in key.split(".")[:-1]:
                place = place.setdefault(part, {})
            place[key.split(".")[-1]] = {"true": True}.get(value, value)
        objects = render(values)
        image = named(objects, "Deployment", "live-relay-edge")["spec"]["template"]["spec"]["containers"][0]["image"]
        assert image == "images.example.org/edge-relay:0.1.0", image
    assert "elbv2.k8s.aws/pod-readiness-gate-inject=enabled" in readme


def test_the_samples_fit_the_chart_and_current_kubernetes():
    values = yaml.safe_load((CHART / "samples" / "values-export.yaml").read_text())
    objects = render(values)
    edge = named(objects, "Deployment", "live-relay-edge")
    assert "replicas" not in edge["spec"]
    autoscaler = named(objects, "Service", "live-relay-autoscaler")
    hpa = yaml.safe_load((CHART / "samples" / "hpa.yaml").read_text())
    kubernetes_validate.validate(hpa, KUBERNETES[-1], strict=True)
    scaled = yaml.safe_load((CHART / "samples" / "keda.yaml").read_text())
    assert any("namespaceSelector" in peer for peer in values["networkPolicy"]["metrics"])
    for one in (hpa, scaled):
        assert one["metadata"]["namespace"] == "media"
        assert one["spec"]["scaleTargetRef"] == {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "name": edge["metadata"]["name"],
        }
    # What KEDA puts into an HPA has to be right there, too.
    inside = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "x"},
        "spec": {
            "scaleTargetRef": scaled["spec"]["scaleTargetRef"],
            "minReplicas": 2,
            "maxReplicas": 3,
            "behavior": scaled["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"],
        },
    }
    kubernetes_validate.validate(inside, KUBERNETES[-1], strict=True)
    url = scaled["spec"]["triggers"][0]["metadata"]["url"]
    assert (
        url
        == f"http://{autoscaler['metadata']['name']}.media:{autoscaler['spec']['ports'][0]['port']}/v1/desired?target=edge"
    ), url
    source = (ROOT / "Sources/RelayNode/Autoscaler/Service/AutoscalerMetrics.swift").read_text()
    assert f'"{hpa["spec"]["metrics"][0]["external"]["metric"]["name"]}"' in source
