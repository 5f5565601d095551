"""Network policies, load balancers, scraping."""

import helm_python as helm
import kubernetes_validate
import yaml

from support import BASE, CHART, KUBERNETES, ROOT, SETS, named, of_kind, render


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
            {("anybody", 8080), ("anybody", 1935), ("edge", 1985), ("origin", 1985), ("somebody", 9091)},
            {("anybody", 53), ("redis", 6379), ("origin", 1985), ("edge", 1985), ("origin", 1935), ("edge", 1935)},
        ),
        "autoscaler": ({("somebody", 9091)}, {("anybody", 53), ("redis", 6379), ("anybody", 443), ("anybody", 6443)}),
        "redis": ({("origin", 6379), ("edge", 6379), ("autoscaler", 6379)}, set()),
        "test": (set(), {("anybody", 53), ("origin", 1935), ("edge", 1935), ("origin", 8080), ("edge", 8080)}),
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


def test_load_balancers_keep_long_connections_and_addresses():
    production = named(render(SETS["production"]), "Service", "live-relay-edge")
    assert production["metadata"]["annotations"]["service.beta.kubernetes.io/aws-load-balancer-nlb-target-type"] == "ip"
    assert (
        "deregistration_delay.timeout_seconds=600"
        in production["metadata"]["annotations"]["service.beta.kubernetes.io/aws-load-balancer-target-group-attributes"]
    )
    assert [port["name"] for port in production["spec"]["ports"]] == ["http"]
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


def test_the_chart_says_what_to_do_next():
    for values in SETS.values():
        with helm.Chart.load(CHART) as chart:
            notes = chart.render(values, name="live", namespace="media")["relay/templates/NOTES.txt"]
        for step in ("  1. ", "  2. ", "  3. "):
            assert step in notes, notes
        assert notes.count("kubectl") >= 2 and "helm -n media test live" in notes


def test_the_samples_fit_the_chart_and_current_kubernetes():
    values = yaml.safe_load((CHART / "samples" / "values-export.yaml").read_text())
    objects = render(values)
    edge = named(objects, "Deployment", "live-relay-edge")
    assert "replicas" not in edge["spec"]
    autoscaler = named(objects, "Service", "live-relay-autoscaler")
    hpa = yaml.safe_load((CHART / "samples" / "hpa.yaml").read_text())
    kubernetes_validate.validate(hpa, KUBERNETES[-1], strict=True)
    scaled = yaml.safe_load((CHART / "samples" / "keda.yaml").read_text())
    for one in (hpa, scaled):
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
