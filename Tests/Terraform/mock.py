#!/usr/bin/env python3
"""The local AWS mock that Terraform is applied to: moto's server, and the few calls of EKS, EC2 Auto Scaling and ElastiCache
that our modules make and moto does not know. Those answer from memory, in the shapes of the cloud's own service model, which
botocore holds; they check what the cloud would refuse only where a module could plausibly get it wrong.

    mock.py PORT        serves on 127.0.0.1 until it is ended; prints "ready" when it listens
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import uuid
from urllib.parse import unquote

# Policies of the cloud itself (AmazonEKSClusterPolicy and its like) exist, so that attaching a misspelt one fails.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

import moto.eks.urls as eks_urls  # noqa: E402
from moto.autoscaling.models import autoscaling_backends  # noqa: E402
from moto.core.responses import ActionResult, EmptyResult  # noqa: E402
from moto.core.utils import utcnow  # noqa: E402
from moto.ec2.models import ec2_backends  # noqa: E402
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend  # noqa: E402
from moto.ec2.models.security_groups import SecurityGroupRule  # noqa: E402
from moto.ec2.responses.launch_templates import LaunchTemplates  # noqa: E402
from moto.eks.exceptions import InvalidParameterException, InvalidRequestException, ResourceNotFoundException  # noqa: E402
from moto.eks.responses import EKSResponse  # noqa: E402
from moto.elasticache.exceptions import ElastiCacheException  # noqa: E402
from moto.elasticache.responses import ElastiCacheResponse  # noqa: E402

STORE: dict[tuple[str, ...], dict] = {}
ADDONS = {"vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent"}


def stored(kind: str, *key: str) -> dict:
    found = STORE.get((kind, *key))
    if found is None:
        raise ResourceNotFoundException(message=f"no {kind} {'/'.join(key)}")
    return found


# --- EKS -----------------------------------------------------------------------------------------------------------------

class EKS(EKSResponse):
    """Methods that are grafted on moto's class; each is named for the call that it answers."""

    def part(self, name: str) -> str:
        return unquote(str(self._get_param(name) or ""))

    @property
    def cluster_name(self) -> str:
        name = self.part("name")
        self.eks_backend.describe_cluster(name=name)  # 404 where there is none
        return name

    def arn(self, kind: str, *parts: str) -> str:
        return f"arn:aws:eks:{self.region}:{self.current_account}:{kind}/" + "/".join(parts)

    # A cluster has a security group of its own, an access mode and an upgrade policy.
    def create_cluster(self) -> ActionResult:
        answer = moto_create_cluster(self)
        cluster = answer.result["cluster"]
        config = dict(cluster.resources_vpc_config)
        subnets = ec2_backends[self.current_account][self.region].describe_subnets(subnet_ids=config["subnetIds"])
        if len({subnet.availability_zone for subnet in subnets}) < 2:
            raise InvalidParameterException(message="subnets of at least two zones are needed")
        if config.get("endpointPublicAccess") is False and config.get("endpointPrivateAccess") is False:
            raise InvalidParameterException(message="an endpoint must be open at one side")
        group = ec2_backends[self.current_account][self.region].create_security_group(
            f"eks-cluster-sg-{cluster.name}", "EKS created", vpc_id=subnets[0].vpc_id)
        config.update(clusterSecurityGroupId=group.id, vpcId=subnets[0].vpc_id)
        if config.get("endpointPublicAccess", True):
            config.setdefault("publicAccessCidrs", ["0.0.0.0/0"])
        cluster.resources_vpc_config = config
        cluster.access_config = self._get_param("accessConfig")
        cluster.upgrade_policy = self._get_param("upgradePolicy")
        return answer

    def delete_cluster(self) -> ActionResult:
        cluster = self.eks_backend.describe_cluster(name=self.part("name"))
        answer = moto_delete_cluster(self)
        group = cluster.resources_vpc_config.get("clusterSecurityGroupId")
        ec2_backends[self.current_account][self.region].delete_security_group(group_id=group)
        return answer

    # A node group has an auto scaling group that exists, with its tags.
    def create_nodegroup(self) -> ActionResult:
        template = self._get_param("launchTemplate") or {}
        if "id" in template:
            ec2_backends[self.current_account][self.region].get_launch_template(template["id"])
        answer = moto_create_nodegroup(self)
        group = answer.result["nodegroup"]
        group.update_config = self._get_param("updateConfig") or {"maxUnavailable": 1}
        if template:  # Then these are the template's, and the answer is without them.
            group.remote_access = group.disk_size = None
        name, size = group.resources["autoScalingGroups"][0]["name"], group.scaling_config
        if template:  # An empty one: no instance is to be run.
            autoscaling_backends[self.current_account][self.region].create_auto_scaling_group(
                name=name, availability_zones=[], desired_capacity=0, max_size=size["maxSize"], min_size=0,
                launch_config_name="", launch_template={"LaunchTemplateId": template["id"], "Version": template["version"]},
                vpc_zone_identifier=",".join(self._get_param("subnets")), default_cooldown=None, health_check_period=None,
                health_check_type="EC2", load_balancers=[], target_group_arns=[], placement_group=None,
                termination_policies=[], tags=[])
        return answer

    def delete_nodegroup(self) -> ActionResult:
        cluster, name = self.part("name"), self.part("nodegroupName")
        group = self.eks_backend.describe_nodegroup(cluster_name=cluster, nodegroup_name=name)
        autoscaling_backends[self.current_account][self.region].delete_auto_scaling_group(
            group.resources["autoScalingGroups"][0]["name"])
        return moto_delete_nodegroup(self)

    # Add-ons.
    def create_addon(self) -> ActionResult:
        cluster, name = self.cluster_name, self.part("addonName")
        if name not in ADDONS:
            raise InvalidParameterException(message=f"no add-on {name}")
        if ("addon", cluster, name) in STORE:
            raise InvalidRequestException(message=f"add-on {name} exists")
        STORE["addon", cluster, name] = {
            "addonName": name, "clusterName": cluster, "status": "ACTIVE", "addonVersion": "v1.0.0-mock.1",
            "addonArn": self.arn("addon", cluster, name, str(uuid.uuid4())), "health": {"issues": []},
            "createdAt": utcnow(), "modifiedAt": utcnow(), "tags": self._get_param("tags") or {},
            "configurationValues": self._get_param("configurationValues")}
        return ActionResult({"addon": STORE["addon", cluster, name]})

    def describe_addon(self) -> ActionResult:
        return ActionResult({"addon": stored("addon", self.cluster_name, self.part("addonName"))})

    def delete_addon(self) -> ActionResult:
        addon = stored("addon", self.cluster_name, self.part("addonName"))
        del STORE["addon", self.cluster_name, self.part("addonName")]
        return ActionResult({"addon": addon})

    # Who may administer.
    def create_access_entry(self) -> ActionResult:
        cluster, who = self.cluster_name, self.part("principalArn")
        mode = (getattr(self.eks_backend.describe_cluster(name=cluster), "access_config", None) or {}).get("authenticationMode")
        if mode not in ("API", "API_AND_CONFIG_MAP"):
            raise InvalidRequestException(message="the cluster's authentication mode must be API or API_AND_CONFIG_MAP")
        STORE["entry", cluster, who] = {
            "clusterName": cluster, "principalArn": who, "kubernetesGroups": self._get_param("kubernetesGroups") or [],
            "accessEntryArn": self.arn("access-entry", cluster, str(uuid.uuid4())), "createdAt": utcnow(), "modifiedAt": utcnow(),
            "tags": self._get_param("tags") or {}, "username": who, "type": "STANDARD"}
        STORE["policies", cluster, who] = {}
        return ActionResult({"accessEntry": STORE["entry", cluster, who]})

    def describe_access_entry(self) -> ActionResult:
        return ActionResult({"accessEntry": stored("entry", self.cluster_name, self.part("principalArn"))})

    def delete_access_entry(self) -> ActionResult:
        stored("entry", self.cluster_name, self.part("principalArn"))
        del STORE["entry", self.cluster_name, self.part("principalArn")]
        return EmptyResult()

    def associate_access_policy(self) -> ActionResult:
        cluster, who = self.cluster_name, self.part("principalArn")
        policy = {"policyArn": self._get_param("policyArn"), "accessScope": self._get_param("accessScope"),
                  "associatedAt": utcnow(), "modifiedAt": utcnow()}
        stored("policies", cluster, who)[policy["policyArn"]] = policy
        return ActionResult({"clusterName": cluster, "principalArn": who, "associatedAccessPolicy": policy})

    def list_associated_access_policies(self) -> ActionResult:
        cluster, who = self.cluster_name, self.part("principalArn")
        policies = list(stored("policies", cluster, who).values())
        return ActionResult({"clusterName": cluster, "principalArn": who, "associatedAccessPolicies": policies})

    def disassociate_access_policy(self) -> ActionResult:
        stored("policies", self.cluster_name, self.part("principalArn")).pop(self.part("policyArn"), None)
        return EmptyResult()

    # Roles of service accounts.
    def create_pod_identity_association(self) -> ActionResult:
        cluster, number = self.cluster_name, "a-" + uuid.uuid4().hex[:17]
        STORE["identity", cluster, number] = {
            "clusterName": cluster, "namespace": self._get_param("namespace"), "serviceAccount": self._get_param("serviceAccount"),
            "roleArn": self._get_param("roleArn"), "associationArn": self.arn("podidentityassociation", cluster, number),
            "associationId": number, "tags": self._get_param("tags") or {}, "createdAt": utcnow(), "modifiedAt": utcnow()}
        return ActionResult({"association": STORE["identity", cluster, number]})

    def describe_pod_identity_association(self) -> ActionResult:
        return ActionResult({"association": stored("identity", self.cluster_name, self.part("associationId"))})

    def delete_pod_identity_association(self) -> ActionResult:
        association = stored("identity", self.cluster_name, self.part("associationId"))
        del STORE["identity", self.cluster_name, self.part("associationId")]
        return ActionResult({"association": association})


moto_create_cluster = EKSResponse.create_cluster
moto_delete_cluster = EKSResponse.delete_cluster
moto_create_nodegroup = EKSResponse.create_nodegroup
moto_delete_nodegroup = EKSResponse.delete_nodegroup

EKS_PATHS = [
    "addons", "addons/(?P<addonName>[^/]+)",
    "access-entries", "access-entries/(?P<principalArn>.+)/access-policies/(?P<policyArn>.+)",
    "access-entries/(?P<principalArn>.+)/access-policies", "access-entries/(?P<principalArn>.+)",
    "pod-identity-associations", "pod-identity-associations/(?P<associationId>[^/]+)",
]  # fmt: skip


# --- ElastiCache: parameter groups, users and their groups -----------------------------------------------------------------

FAMILIES = {"redis7", "valkey7", "valkey8"}
# Words of an access string; a password or `reset` is no such word in the cloud.
RIGHT = re.compile(r"on|off|~\S+|&\S+|resetchannels|[+-]@?[a-z|]+")


class ElastiCache(ElastiCacheResponse):
    def create_cache_parameter_group(self) -> ActionResult:
        name, family = self._get_param("CacheParameterGroupName"), self._get_param("CacheParameterGroupFamily")
        if family not in FAMILIES:
            raise problem("InvalidParameterValue", f"no family {family}")
        arn = f"arn:aws:elasticache:{self.region}:{self.current_account}:parametergroup:{name}"
        STORE["parameters", name] = {
            "group": {"CacheParameterGroupName": name, "CacheParameterGroupFamily": family, "IsGlobal": False, "ARN": arn,
                      "Description": self._get_param("Description")},
            "values": {}}
        STORE["arn", arn] = {"tags": self._get_param("Tags") or []}
        return ActionResult({"CacheParameterGroup": STORE["parameters", name]["group"]})

    def parameters(self) -> dict:
        name = self._get_param("CacheParameterGroupName")
        if ("parameters", name) not in STORE:
            raise problem("CacheParameterGroupNotFound", f"no group {name}")
        return STORE["parameters", name]

    def describe_cache_parameter_groups(self) -> ActionResult:
        return ActionResult({"CacheParameterGroups": [self.parameters()["group"]]})

    def describe_cache_parameters(self) -> ActionResult:
        values = [{"ParameterName": key, "ParameterValue": value, "Source": "user", "IsModifiable": True}
                  for key, value in self.parameters()["values"].items()]
        return ActionResult({"Parameters": values})

    def modify_cache_parameter_group(self) -> ActionResult:
        for item in self._get_param("ParameterNameValues") or []:
            self.parameters()["values"][item["ParameterName"]] = item["ParameterValue"]
        return ActionResult({"CacheParameterGroupName": self._get_param("CacheParameterGroupName")})

    def delete_cache_parameter_group(self) -> ActionResult:
        self.parameters()
        del STORE["parameters", self._get_param("CacheParameterGroupName")]
        return EmptyResult()

    def list_tags_for_resource(self) -> ActionResult:
        arn = self._get_param("ResourceName")
        if ("arn", arn) in STORE:
            return ActionResult({"TagList": STORE["arn", arn]["tags"]})
        return moto_elasticache_tags(self)

    def create_user(self) -> ActionResult:
        words = str(self._get_param("AccessString")).split()
        if wrong := [word for word in words if not RIGHT.fullmatch(word)]:
            raise problem("InvalidParameterValue", f"not in an access string: {wrong}")
        return moto_create_user(self)

    def create_user_group(self) -> ActionResult:
        name, users = self._get_param("UserGroupId"), self._get_param("UserIds") or []
        names = [self.elasticache_backend.describe_users(user_id=user)[0].name for user in users]
        if "default" not in names:
            raise problem("DefaultUserRequired", "a group of users needs one named default")
        if len(set(names)) != len(names):
            raise problem("DuplicateUserName", "two users of one name")
        arn = f"arn:aws:elasticache:{self.region}:{self.current_account}:usergroup:{name}"
        STORE["users", name] = {"UserGroupId": name, "Status": "active", "Engine": self._get_param("Engine"), "UserIds": users,
                                "MinimumEngineVersion": "6.0", "ReplicationGroups": [], "ARN": arn}
        STORE["arn", arn] = {"tags": self._get_param("Tags") or []}
        return ActionResult(STORE["users", name])

    def describe_user_groups(self) -> ActionResult:
        name = self._get_param("UserGroupId")
        found = [group for key, group in STORE.items() if key[0] == "users" and name in (None, key[1])]
        if name and not found:
            raise problem("UserGroupNotFound", f"no group {name}")
        return ActionResult({"UserGroups": found})

    def delete_user_group(self) -> ActionResult:
        group = STORE.pop(("users", self._get_param("UserGroupId")), None)
        if group is None:
            raise problem("UserGroupNotFound", "no such group")
        return ActionResult(group | {"Status": "deleting"})

    # What the cloud refuses and moto accepts.
    def create_replication_group(self) -> ActionResult:
        name = self._get_param("CacheParameterGroupName")
        if name and ("parameters", name) not in STORE:
            raise problem("CacheParameterGroupNotFound", f"no group {name}")
        family = STORE["parameters", name]["group"]["CacheParameterGroupFamily"] if name else ""
        wanted = f"{self._get_param('Engine')}{str(self._get_param('EngineVersion')).split('.')[0]}"
        if family and family != wanted:
            raise problem("InvalidParameterCombination", f"a group of {family} does not fit {wanted}")
        token = self._get_param("AuthToken")
        if token and not self._get_bool_param("TransitEncryptionEnabled"):
            raise problem("InvalidParameterCombination", "a token needs encryption in transit")
        if token and not 16 <= len(token) <= 128:
            raise problem("InvalidParameterValue", "a token has 16 to 128 signs")
        users = self._get_param("UserGroupIds") or []
        if missing := [one for one in users if ("users", one) not in STORE]:
            raise problem("UserGroupNotFound", f"no group {missing}")
        if users and (token or not self._get_bool_param("TransitEncryptionEnabled")):
            raise problem("InvalidParameterCombination", "groups of users need encryption in transit and go without a token")
        if self._get_bool_param("MultiAZEnabled") and not self._get_bool_param("AutomaticFailoverEnabled"):
            raise problem("InvalidParameterCombination", "Multi-AZ needs automatic failover")
        answer = moto_create_replication_group(self)
        group = answer.result["ReplicationGroup"]
        # moto leaves out the replicas when there is one shard.
        for number in range(2, int(self._get_param("NumCacheClusters") or 1) + 1):
            member = f"{group.replication_group_id}-{number:03}"
            group.member_clusters.append(member)
            group.node_groups[0]["node_group_members"].append(
                {"cache_cluster_id": member, "cache_node_id": "0001", "current_role": "replica"})
        for member in group.member_clusters:
            STORE["member", member] = {
                "CacheClusterId": member, "ReplicationGroupId": group.replication_group_id, "CacheClusterStatus": "available",
                "CacheNodeType": self._get_param("CacheNodeType"), "NumCacheNodes": 1, "Engine": self._get_param("Engine"),
                "EngineVersion": f"{self._get_param('EngineVersion')}.0", "CacheSubnetGroupName": self._get_param("CacheSubnetGroupName"),
                "CacheParameterGroup": {"CacheParameterGroupName": name},
                "SecurityGroups": [{"SecurityGroupId": one, "Status": "active"} for one in self._get_param("SecurityGroupIds") or []],
                "PreferredMaintenanceWindow": self._get_param("PreferredMaintenanceWindow"),
                "AutoMinorVersionUpgrade": True, "SnapshotRetentionLimit": 0, "TransitEncryptionEnabled": True,
                "AtRestEncryptionEnabled": bool(self._get_bool_param("AtRestEncryptionEnabled")),
                "AuthTokenEnabled": bool(token), "ARN": f"arn:aws:elasticache:{self.region}:{self.current_account}:cluster:{member}"}
        return answer

    # moto keeps a deleted group for ever as "deleting", and knows no end of a subnet group.
    def delete_replication_group(self) -> ActionResult:
        answer = moto_delete_replication_group(self)
        for member in answer.result["ReplicationGroup"].member_clusters:
            STORE.pop(("member", member), None)
        self.elasticache_backend.replication_groups.pop(self._get_param("ReplicationGroupId"), None)
        return answer

    def delete_cache_subnet_group(self) -> ActionResult:
        name = self._get_param("CacheSubnetGroupName")
        if self.elasticache_backend.cache_subnet_groups.pop(name, None) is None:
            raise problem("CacheSubnetGroupNotFoundFault", f"no group {name}")
        return EmptyResult()

    # The members of a group, which a read of the group asks for one by one.
    def describe_cache_clusters(self) -> ActionResult:
        member = STORE.get(("member", self._get_param("CacheClusterId")))
        return ActionResult({"CacheClusters": [member]}) if member else moto_describe_cache_clusters(self)


def problem(code: str, message: str) -> ElastiCacheException:
    exception = ElastiCacheException(message)
    exception.code = code
    return exception


moto_create_user = ElastiCacheResponse.create_user
moto_elasticache_tags = ElastiCacheResponse.list_tags_for_resource
moto_describe_cache_clusters = ElastiCacheResponse.describe_cache_clusters
moto_delete_replication_group = ElastiCacheResponse.delete_replication_group
moto_create_replication_group = ElastiCacheResponse.create_replication_group


# --- EC2: two answers of moto that differ from the cloud's, and would look like changes made behind Terraform's back ---------

def rule_description(rule: SecurityGroupRule) -> str | None:
    return rule.ip_range.get("Description") or (rule.source_group or {}).get("Description")


class EC2Templates(LaunchTemplates):
    # Tags of the template itself are no part of what it launches.
    def describe_launch_template_versions(self) -> ActionResult:
        answer = moto_template_versions(self)
        for version in answer.result["LaunchTemplateVersions"]:
            data = dict(version["LaunchTemplateData"])
            data["TagSpecifications"] = [
                one for one in data.get("TagSpecifications", []) if one.get("ResourceType") != "launch-template"]
            version["LaunchTemplateData"] = data
        return answer


moto_template_versions = LaunchTemplates.describe_launch_template_versions


def graft(source: type, target: type) -> None:
    for name, value in vars(source).items():
        if not name.startswith("__"):
            setattr(target, name, value)


def main() -> None:
    graft(EKS, EKSResponse)
    graft(ElastiCache, ElastiCacheResponse)
    graft(EC2Templates, LaunchTemplates)
    SecurityGroupRule.description = property(rule_description)
    # Each account has its own letters for zones: in this one, us-east-1a is where EKS is not.
    zones = {zone.name: zone for zone in RegionsAndZonesBackend.zones["us-east-1"]}
    zones["us-east-1a"].zone_id, zones["us-east-1e"].zone_id = zones["us-east-1e"].zone_id, zones["us-east-1a"].zone_id
    for path in EKS_PATHS:
        eks_urls.url_paths["{0}/clusters/(?P<name>[^/]+)/" + path + "$"] = EKSResponse.dispatch

    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=True)
    # Ends with whoever started it, so that a test that is killed leaves no server behind.
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    print(f"ready {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
