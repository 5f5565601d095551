"""Plans of the example in several shapes, and one whole life of it: apply, look, plan again, change, destroy."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path

import boto3
import jsonschema
import yaml
from tools import ROOT, Checks, Terraform

REGION = "eu-central-1"
SPOT = ["c7i.xlarge", "c6i.xlarge", "c6a.xlarge"]
VALUES = {
    "region": REGION,
    "administrators": ["arn:aws:iam::123456789012:role/platform"],
    "api_public_cidrs": ["203.0.113.0/24"],
    "publisher_cidrs": ["198.51.100.0/24"],
    "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/edge-relay",
    "image_tag": "1.0.0",
    "secret_recovery_days": 0,
    "edge": {"min": 3, "max": 40},
    "edge_replicas": {"min": 3, "max": 64},
    "edge_spot": {"compute": {"instance_types": SPOT, "max": 20}, "general": {"instance_types": SPOT, "min": 1, "max": 20}},
}
# What the whole internet may reach. Not RTMP: who reaches it can publish.
MEDIA = {8080}
# A spot machine is gone this long after its notice; EKS gives a node this long to become empty before it gives up an update.
SPOT_NOTICE, NODE_UPDATE = 120, 900
# The chart's grace period beyond a drain.
GRACE = 60


def write(folder: Path, values: dict) -> None:
    (folder / "terraform.tfvars.json").write_text(json.dumps(values))


def resources(module: dict) -> list[dict]:
    """All resources of a plan's or state's module and of those inside it."""
    found = [one for one in module.get("resources", []) if one["mode"] == "managed"]
    for child in module.get("child_modules", []):
        found += resources(child)
    return found


def of(found: list[dict], kind: str) -> list[dict]:
    return [one["values"] for one in found if one["type"] == kind]


def open_rules(found: list[dict]) -> list[str]:
    """Rules that let the whole internet, or more than an office, reach a port that is not for viewers."""
    bad = []
    for rule in of(found, "aws_vpc_security_group_ingress_rule"):
        block = rule.get("cidr_ipv4")
        ports = range(rule["from_port"], rule["to_port"] + 1) if rule.get("from_port") is not None else range(65536)
        wide = block is not None and not ipaddress.ip_network(block).is_private and ipaddress.ip_network(block).prefixlen < 16
        if wide and not set(ports) <= MEDIA:
            bad.append(f"{block} → {ports}")
    return bad


def plan(terraform: Terraform, folder: Path, values: dict, *words: str) -> tuple[str, dict, list[dict]]:
    write(folder, values)
    ran = terraform.run(folder, "plan", "-no-color", "-out=plan", *words, limit=180)
    if ran.returncode != 0:
        return ran.stdout + ran.stderr, {}, []
    shown = terraform.json(folder, "show", "-json", "plan")
    return ran.stdout, shown, resources(shown["planned_values"]["root_module"])


def reach(found: list[dict], port: int) -> set[str]:
    """Blocks from which a port of nodes is open."""
    return {rule["cidr_ipv4"] for rule in of(found, "aws_vpc_security_group_ingress_rule")
            if rule.get("cidr_ipv4") and rule["from_port"] <= port <= rule["to_port"]}


def chart_values(shown: dict) -> dict:
    """The chart's values as a plan knows them."""
    return yaml.safe_load(shown["planned_values"]["outputs"]["values"].get("value") or "{}")


def plans(checks: Checks, terraform: Terraform, folder: Path) -> None:
    ran = terraform.run(folder, "init", "-no-color")
    if not checks.that(ran.returncode == 0, "the example can be initialised", ran.stdout + ran.stderr):
        return

    text, shown, found = plan(terraform, folder, VALUES)
    if checks.that(found, "a plan of the example", text):
        checks.equal(len(of(found, "aws_nat_gateway")), 3, "a NAT gateway in each zone by default")
        checks.equal(open_rules(found), [], "nothing but media ports is open to the internet")
        cluster = of(found, "aws_eks_cluster")[0]
        network = cluster["vpc_config"][0]
        checks.equal(network["public_access_cidrs"], ["203.0.113.0/24"], "the API answers the named blocks only")
        checks.that(network["endpoint_private_access"], "and the VPC")
        access = cluster["access_config"][0]
        checks.equal((access["authentication_mode"], access["bootstrap_cluster_creator_admin_permissions"]), ("API", False),
                     "administrators are the named ones only")
        checks.equal(cluster["encryption_config"][0]["resources"], ["secrets"], "secrets of the cluster are encrypted with a key of ours")
        checks.equal({one["metadata_options"][0]["http_tokens"] for one in of(found, "aws_launch_template")}, {"required"},
                     "no node gives its credentials without a token")
        checks.equal({one["metadata_options"][0]["http_put_response_hop_limit"] for one in of(found, "aws_launch_template")}, {1},
                     "nor to a pod")
        checks.equal({one["block_device_mappings"][0]["ebs"][0]["encrypted"] for one in of(found, "aws_launch_template")}, {"true"},
                     "disks are encrypted")
        checks.equal(reach(found, 1935), {"10.64.0.0/16", "198.51.100.0/24"}, "only the VPC and publishers reach RTMP")
        redis = of(found, "aws_elasticache_replication_group")[0]
        checks.equal([redis[key] for key in ("transit_encryption_enabled", "at_rest_encryption_enabled", "multi_az_enabled",
                                             "automatic_failover_enabled", "num_cache_clusters")],
                     [True, "true", True, True, 3], "Redis: TLS, encrypted at rest, three zones, failover")
        checks.equal({name for name, one in shown["planned_values"]["outputs"].items() if one.get("sensitive")},
                     {"redis_url", "prerequisites"}, "outputs with secrets are marked, the others are not")

    # No way out, no spot, nobody publishes, the API private.
    text, shown, found = plan(terraform, folder, VALUES | {
        "nat": "none", "edge_spot": {}, "publisher_cidrs": [], "api_public_cidrs": [], "viewer_cidrs": ["192.0.2.0/24"],
        "edge_replicas": {"max": 32}})
    if checks.that(found, "a plan without NAT, spot, public API and publishers", text):
        checks.equal((len(of(found, "aws_nat_gateway")), len(of(found, "aws_eip"))), (0, 0), "no gateway and no address is paid for")
        services = {one["service_name"].removeprefix(f"com.amazonaws.{REGION}.") for one in of(found, "aws_vpc_endpoint")}
        checks.that({"s3", "ecr.api", "ecr.dkr", "ec2", "sts", "eks"} <= services, "private endpoints take its place", services)
        checks.equal({one["capacity_type"] for one in of(found, "aws_eks_node_group")}, {"ON_DEMAND"}, "no spot node")
        checks.equal(of(found, "aws_eks_cluster")[0]["vpc_config"][0]["endpoint_public_access"], False, "the API has no public address")
        values = chart_values(shown)
        checks.that("spot" not in values["edge"], "the chart's values do not speak of spot", values["edge"])
        checks.equal(values["origin"]["service"]["type"], "ClusterIP", "origins are not offered to the outside")
        checks.equal(values["edge"]["service"]["loadBalancerSourceRanges"], ["192.0.2.0/24"], "edges are offered to the viewers' blocks only")
        checks.that(SPOT_NOTICE < values["edge"]["drainSeconds"] + GRACE < NODE_UPDATE, "without spot, edges have longer to drain", values["edge"])

    text, shown, found = plan(terraform, folder, VALUES | {
        "nat": "single", "zones": [f"{REGION}{zone}" for zone in "abc"], "edge": {"min": 0, "max": 0}, "edge_replicas": {"max": 32},
        "viewer_cidrs": ["192.0.2.0/24"], "viewer_rtmp": True, "edge_egress_mbps": 3000})
    if checks.that(found, "a plan with one NAT gateway, edges on spot only and RTMP for viewers", text):
        values = chart_values(shown)
        checks.equal(values["edge"]["service"]["rtmpPort"], 1935, "viewers' RTMP is offered when it is asked for")
        checks.equal(reach(found, 1935), {"10.64.0.0/16", "192.0.2.0/24", "198.51.100.0/24"}, "and let in from viewers and publishers")
        checks.equal(values["autoscaler"]["edge"]["egressMbps"], 3000, "the autoscaler plans with the rate that was named")
        checks.equal(len(of(found, "aws_nat_gateway")), 1, "one gateway")
        checks.equal(sorted(one["node_group_name"] for one in of(found, "aws_eks_node_group")),
                     ["core", "edge-spot-compute", "edge-spot-general"], "no on-demand group of edges")

    text, _, found = plan(terraform, folder, VALUES | {"region": "us-east-1"})
    if checks.that(found, "a plan in a region where EKS is not in every zone", text):
        checks.equal(sorted({one["availability_zone"] for one in of(found, "aws_subnet")}), [f"us-east-1{zone}" for zone in "bcd"],
                     "the zone without EKS is passed over")

    text, _, _ = plan(terraform, folder, VALUES | {"edge_replicas": {"max": 65}})
    checks.that("edge_replicas: each edge has a node of its own" in " ".join(text.replace("│", " ").split()),
                "the example refuses more edges than nodes can be made for during a rollout", text)

    for name, change in {
        "API for the whole internet": {"api_public_cidrs": ["0.0.0.0/0"]},
        "spot group with one instance type": {"edge_spot": {"one": {"instance_types": ["c7i.xlarge"]}}},
        "core group on one node": {"core": {"min": 1}},
        "network too small for pods": {"cidr": "10.64.0.0/24"},
        "registry without a copy": {"redis_replicas": 0},
    }.items():
        write(folder, VALUES | change)
        ran = terraform.run(folder, "plan", "-no-color", limit=120)
        checks.that(ran.returncode == 1 and "Invalid value for variable" in ran.stderr, f"the example refuses: {name}", ran.stdout + ran.stderr)


def apply(checks: Checks, terraform: Terraform, folder: Path) -> None:
    write(folder, VALUES)
    ran = terraform.run(folder, "init", "-no-color")
    ran = terraform.run(folder, "apply", "-auto-approve", "-no-color", limit=300)
    applied = checks.that(ran.returncode == 0, "apply", ran.stdout[-1500:] + ran.stderr)
    try:
        if applied:
            look(checks, terraform, folder, ran.stdout)
    finally:
        write(folder, VALUES)
        ran = terraform.run(folder, "destroy", "-auto-approve", "-no-color", limit=300)
        checks.that(ran.returncode == 0, "destroy", ran.stdout[-1500:] + ran.stderr)
    checks.equal(resources(terraform.json(folder, "show", "-json").get("values", {}).get("root_module", {})), [], "the state is empty afterwards")
    checks.equal(remains(terraform), [], "and so is the cloud")


def client(terraform: Terraform, name: str):  # noqa: ANN201
    return boto3.client(name, region_name=REGION, endpoint_url=terraform.endpoint, aws_access_key_id="mock", aws_secret_access_key="mock")


def look(checks: Checks, terraform: Terraform, folder: Path, printed: str) -> None:
    state = terraform.json(folder, "show", "-json")["values"]
    found = resources(state["root_module"])
    output = {name: one["value"] for name, one in state["outputs"].items()}
    checks.that(len(found) > 80, f"{len(found)} resources stand")

    # The network, as the cloud tells it.
    ec2 = client(terraform, "ec2")
    vpc = of(found, "aws_vpc")[0]["id"]
    subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    tags = [{tag["Key"]: tag["Value"] for tag in subnet["Tags"]} for subnet in subnets]
    checks.equal(len({subnet["AvailabilityZone"] for subnet in subnets}), 3, "subnets in three zones")
    checks.equal(sum(one.get("kubernetes.io/role/elb") == "1" for one in tags), 3, "public subnets are tagged for load balancers")
    checks.equal(sum(one.get("kubernetes.io/role/internal-elb") == "1" for one in tags), 3, "private ones for internal load balancers")
    blocks = [ipaddress.ip_network(subnet["CidrBlock"]) for subnet in subnets]
    checks.that(not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[:i]), "subnets do not overlap", blocks)
    checks.that(not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets), "no instance gets a public address")
    default = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}])
    checks.equal(default["SecurityGroups"][0]["IpPermissions"], [], "the default group lets nothing in")
    routes = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    gateways = {route["NatGatewayId"] for table in routes for route in table["Routes"] if route.get("NatGatewayId")}
    checks.equal(len(gateways), 3, "each private subnet leaves by a gateway of its own zone")
    checks.equal(open_rules(found), [], "nothing but media ports is open to the internet")

    # The cluster.
    eks = client(terraform, "eks")
    groups = {name: eks.describe_nodegroup(clusterName="relay", nodegroupName=name)["nodegroup"]
              for name in eks.list_nodegroups(clusterName="relay")["nodegroups"]}
    checks.equal({name: group["capacityType"] for name, group in groups.items()},
                 {"core": "ON_DEMAND", "edge": "ON_DEMAND", "edge-spot-compute": "SPOT", "edge-spot-general": "SPOT"}, "node groups")
    checks.that(len(groups["edge-spot-compute"]["instanceTypes"]) >= 3, "spot groups draw from several markets")
    checks.equal(groups["core"].get("taints") or [], [], "core has no taint, the cluster's own pods run there")
    scaling = client(terraform, "autoscaling")
    name = groups["edge-spot-compute"]["resources"]["autoScalingGroups"][0]["name"]
    hints = {tag["Key"]: tag["Value"] for tag in scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]["Tags"]}
    checks.equal(hints.get("k8s.io/cluster-autoscaler/node-template/taint/relay.dev/capacity"), "spot:NoSchedule",
                 "an empty spot group tells a node autoscaler its taints")

    # The registry.
    redis = client(terraform, "elasticache").describe_replication_groups(ReplicationGroupId="relay")["ReplicationGroups"][0]
    checks.equal((len(redis["MemberClusters"]), redis["AutomaticFailover"], redis["TransitEncryptionEnabled"], redis["UserGroupIds"]),
                 (3, "enabled", True, ["relay"]), "registry: three nodes, failover, TLS, users of a group")
    host = redis["NodeGroups"][0]["PrimaryEndpoint"]["Address"]
    tokens = {one["index"]: one["values"]["secret_string"] for one in found if one["address"].startswith("module.redis.aws_secretsmanager_secret_version.")}
    token = tokens["a"]
    checks.that(len(set(tokens.values())) == 2 and all(len(one) == 64 and one.isalnum() for one in tokens.values()),
                "two tokens, which need no quoting in a URL", [len(one) for one in tokens.values()])
    checks.that(output["redis_url"] == f"rediss://relay:{token}@{host}:6379", "the URL names the user and the primary, and speaks TLS")
    users = {user["UserName"]: user for user in client(terraform, "elasticache").describe_users()["Users"] if user["UserId"] != "default"}
    checks.equal({name: (user["Authentication"]["Type"], user["Authentication"]["PasswordCount"]) for name, user in users.items()},
                 {"relay": ("password", 2), "default": ("password", 2)}, "both tokens open the registry, nobody gets in without")
    checks.equal(users["default"]["AccessString"], "off resetchannels -@all", "who does not say its name gets in with no token and may do nothing")
    rights(checks, users["relay"]["AccessString"], yaml.safe_load(output["values"])["cluster"]["prefix"])
    group = of(found, "aws_security_group")
    inside = {one["id"] for one in group if one["name"].startswith("relay-redis-")}
    rules = [rule for rule in of(found, "aws_vpc_security_group_ingress_rule") if rule["security_group_id"] in inside]
    checks.equal([(rule["from_port"], rule["cidr_ipv4"] or None, bool(rule["referenced_security_group_id"])) for rule in rules],
                 [(6379, None, True)], "only nodes reach the registry")

    public = sorted(subnet["CidrBlock"] for subnet, one in zip(subnets, tags) if one.get("kubernetes.io/role/elb") == "1")
    handover(checks, output, groups, token, public)
    controllers(checks, output, vpc, of(found, "aws_eks_pod_identity_association"))

    # Nothing that was printed on the way, and nothing that may be kept in a file, holds a secret.
    secrets = [one["secret_string"] for one in of(found, "aws_secretsmanager_secret_version")]
    open_text = printed + json.dumps({name: one["value"] for name, one in state["outputs"].items() if not one.get("sensitive")})
    checks.that(not any(one in open_text for one in secrets), "no secret is printed or in an output that is not marked")
    checks.equal(len(set(secrets)), 3, "the cluster's key is another than the registry's tokens")

    ran = terraform.run(folder, "plan", "-detailed-exitcode", "-no-color", limit=120)
    checks.that(ran.returncode == 0, "a second plan changes nothing", ran.stdout[-1500:] + ran.stderr)

    # A change of who may publish touches the rules, the values, and nothing else.
    _, shown, _ = plan(terraform, folder, VALUES | {"publisher_cidrs": ["198.51.100.0/24", "192.0.2.0/24"]})
    checks.equal({one.rsplit("[", 1)[0] for one in changes(shown)}, {"module.cluster.aws_vpc_security_group_ingress_rule.publisher"},
                 "another publisher is one more rule")

    # A new token takes the place of the one that no node uses.
    made = 'module.redis.aws_secretsmanager_secret_version.token["b"]'
    _, shown, _ = plan(terraform, folder, VALUES | {"redis_token": "b"}, f"-replace={made}")
    checks.equal(changes(shown), {made, "module.redis.aws_elasticache_user.node", "module.redis.aws_elasticache_user.nobody"},
                 "a new token leaves the other one and the registry's nodes alone")


def changes(shown: dict) -> set[str]:
    return {one["address"] for one in shown.get("resource_changes", []) if one["change"]["actions"] not in (["no-op"], ["read"])}


def rights(checks: Checks, granted: str, prefix: str) -> None:
    """The registry's user may do what the one of the chart's own Redis may, with which everything else is tested."""
    template = ROOT / "Helm/relay/templates/redis.yaml"
    if not template.exists():
        checks.skip("the registry's user has the rights of the chart's own Redis", "there is no chart beside")
        return
    found = re.search(r'resetkeys (~[^"\n]*)"', template.read_text())
    wanted = re.sub(r"{{ *\.Values\.cluster\.prefix *}}", prefix, found[1]) if found else "a line with resetkeys in redis.yaml"
    checks.equal(granted, f"on {wanted}", "the registry's user has the rights of the chart's own Redis")


def controllers(checks: Checks, output: dict, vpc: str, identities: list[dict]) -> None:
    """The values of the two controllers' charts name what was made."""
    accounts = {(one["namespace"], one["service_account"]) for one in identities}
    balancer, nodes = (yaml.safe_load(output[f"{name}_values"]) for name in ("load_balancer", "node_autoscaler"))
    checks.equal({("kube-system", balancer["serviceAccount"]["name"]), ("kube-system", nodes["rbac"]["serviceAccount"]["name"])}, accounts,
                 "the controllers run as the accounts that have a role")
    checks.equal((balancer["clusterName"], balancer["region"], balancer["vpcId"]), ("relay", REGION, vpc), "the load balancer controller knows where it is")
    checks.equal(output["vpc_id"], vpc, "as does whoever asks for the VPC")
    checks.equal((nodes["autoDiscovery"]["clusterName"], nodes["awsRegion"]), ("relay", REGION), "so does the node autoscaler")
    values = yaml.safe_load(output["values"])
    checks.that(nodes["extraArgs"]["max-graceful-termination-sec"] >= max(values[part]["drainSeconds"] + GRACE for part in ("origin", "edge")),
                "which waits for the longest drain", nodes["extraArgs"])
    order = yaml.safe_load(nodes["expanderPriorities"])
    groups = {name: max(rank for rank, names in order.items() if any(re.search(one, f"eks-{name}-1a2b") for one in names))
              for name, pool in output["pools"].items() if pool["labels"]["relay.dev/pool"] == "edge"}
    checks.that(nodes["extraArgs"]["expander"] == "priority" and groups["edge"] < min(groups["edge-spot-compute"], groups["edge-spot-general"]),
                "and grows spot groups before the on-demand one", groups)


def handover(checks: Checks, output: dict, groups: dict, token: str, public: list[str]) -> None:
    """What Terraform gives to kubectl and Helm fits what it made, and what the chart takes."""
    manifest = list(yaml.safe_load_all(output["prerequisites"]))
    checks.equal([one["kind"] for one in manifest], ["Namespace", "Secret", "PriorityClass", "PriorityClass"], "what the chart needs first")
    checks.equal(manifest[0]["metadata"]["labels"].get("elbv2.k8s.aws/pod-readiness-gate-inject"), "enabled",
                 "a pod counts as ready when its load balancer says so, too")
    secret = manifest[1]
    checks.that(secret["stringData"]["url"] == output["redis_url"] and len(secret["stringData"]["key"]) == 64, "the secret holds URL and key")
    classes = {one["metadata"]["name"] for one in manifest[2:]}

    values = yaml.safe_load(output["values"])
    checks.that(token not in output["values"], "the values hold no secret")
    for part, key in (("cluster", "key"), ("registry", "url")):
        checks.equal((values[part]["existingSecret"], values[part]["existingSecretKey"]), (secret["metadata"]["name"], key),
                     f"the chart finds the {key} of the {part}")
    checks.that({values[part]["priorityClassName"] for part in ("origin", "edge", "autoscaler")} <= classes, "priority classes exist")

    def homes(selector: dict, tolerations: list[dict]) -> set[str]:
        tolerated = {(one["key"], one["value"]) for one in tolerations}
        return {name for name, group in groups.items() if selector.items() <= group["labels"].items()
                and {(taint["key"], taint["value"]) for taint in group.get("taints") or []} <= tolerated}

    edge = values["edge"]
    checks.equal(homes(values["origin"]["nodeSelector"], []), {"core"}, "origins run on core nodes, never on spot")
    checks.equal(homes(values["autoscaler"]["nodeSelector"], []), {"core"}, "so does the autoscaler")
    checks.equal(homes(edge["nodeSelector"], edge["tolerations"]), {"edge"}, "edges run on the on-demand group")
    checks.equal(homes(edge["nodeSelector"], edge["tolerations"] + edge["spot"]["tolerations"]), set(groups) - {"core"}, "and on spot groups")
    checks.equal(homes(edge["spot"]["nodeLabels"], edge["tolerations"] + edge["spot"]["tolerations"]),
                 {"edge-spot-compute", "edge-spot-general"}, "the chart's spot labels are those of the spot groups")
    room = sum(group["scalingConfig"]["maxSize"] for name, group in groups.items() if name != "core")
    checks.that(values["autoscaler"]["edge"]["maximum"] * 1.25 <= room, "nodes may be made for as many edges as a rollout has at a time", room)
    checks.equal((edge["antiAffinity"], values["origin"]["antiAffinity"]), ("hard", "hard"), "no two edges and no two origins share a node")
    # All default types are *.xlarge: 4 cores, of which the node itself and the cluster's own pods leave 3.7, and at least 8 GiB.
    asked = edge["resources"]["requests"]
    checks.that(2 < float(asked["cpu"]) < 3.7 and 3.3 < float(asked["memory"].removesuffix("Gi")) < 6.3, "one edge fits a node, two do not", asked)
    checks.equal(asked["memory"], edge["resources"]["limits"]["memory"], "an edge is promised the memory that it may take")
    checks.equal(values["autoscaler"]["edge"]["egressMbps"], 1200, "an edge is planned with the baseline of the weakest default type")
    checks.equal(edge["service"]["rtmpPort"], 0, "edges do not offer RTMP")
    checks.that(edge["drainSeconds"] < SPOT_NOTICE, "an edge is drained before its spot machine goes", edge["drainSeconds"])
    checks.that(values["origin"]["drainSeconds"] + GRACE < NODE_UPDATE, "an origin is gone before EKS gives up an update", values["origin"]["drainSeconds"])
    checks.equal({values[part]["podAnnotations"]["cluster-autoscaler.kubernetes.io/safe-to-evict"] for part in ("origin", "edge")}, {"false"},
                 "no node is taken from under origins and edges to save one")
    checks.equal(sorted(peer["ipBlock"]["cidr"] for peer in values["networkPolicy"]["loadBalancers"]), public, "load balancers reach the probes")
    checks.equal(values["autoscaler"]["edge"]["mode"], "observe", "the autoscaler begins by observing")

    schema = ROOT / "Helm/relay/values.schema.json"
    defaults = ROOT / "Helm/relay/values.yaml"
    if schema.exists() and defaults.exists():
        merged = merge(yaml.safe_load(defaults.read_text()), values)
        problems = [f"{'/'.join(map(str, one.path))}: {one.message}" for one in
                    jsonschema.Draft7Validator(json.loads(schema.read_text())).iter_errors(merged)]
        checks.equal(problems, [], "the chart's schema takes the values")
    else:
        checks.skip("the chart's schema takes the values", "there is no chart beside")


def merge(base: object, over: object) -> object:
    if isinstance(base, dict) and isinstance(over, dict):
        return base | {key: merge(base.get(key), value) for key, value in over.items()}
    return over


def remains(terraform: Terraform) -> list[str]:
    """What is left in the cloud of what we made, asked of the cloud and not of the state."""
    ec2, iam = client(terraform, "ec2"), client(terraform, "iam")
    left = [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
    left += [one["NatGatewayId"] for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] not in ("deleted", "deleting")]
    left += [one["AllocationId"] for one in ec2.describe_addresses()["Addresses"]]
    left += [one["LaunchTemplateName"] for one in ec2.describe_launch_templates()["LaunchTemplates"]]
    left += client(terraform, "eks").list_clusters()["clusters"]
    left += [one["ReplicationGroupId"] for one in client(terraform, "elasticache").describe_replication_groups()["ReplicationGroups"]
             if one["Status"] != "deleting"]
    left += [one["UserGroupId"] for one in client(terraform, "elasticache").describe_user_groups()["UserGroups"]]
    left += [one["UserId"] for one in client(terraform, "elasticache").describe_users()["Users"] if one["UserId"] != "default"]  # The cloud's own.
    left += [one["RoleName"] for one in iam.list_roles()["Roles"] if one["RoleName"].startswith("relay-")]
    left += [one["Name"] for one in client(terraform, "secretsmanager").list_secrets()["SecretList"]]
    left += [one["logGroupName"] for one in client(terraform, "logs").describe_log_groups()["logGroups"]]
    return left
