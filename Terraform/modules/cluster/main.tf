# The control plane: secrets encrypted with a key of our own, audit log kept, API private unless blocks are named, access by IAM
# entries only.

data "aws_partition" "here" {}

locals {
  tags = merge(var.tags, { "relay.dev/cluster" = var.name })
  arn  = "arn:${data.aws_partition.here.partition}:iam::aws:policy"
}

resource "aws_kms_key" "secrets" {
  description             = "Secrets of the Kubernetes cluster ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  tags                    = local.tags
}

# Made before the cluster, which would otherwise make it itself, without an end to what it keeps.
resource "aws_cloudwatch_log_group" "control_plane" {
  name              = "/aws/eks/${var.name}/cluster"
  retention_in_days = var.log_days
  tags              = local.tags
}

data "aws_iam_policy_document" "control_plane_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["eks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "control_plane" {
  name_prefix        = "${var.name}-eks-"
  assume_role_policy = data.aws_iam_policy_document.control_plane_trust.json
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "control_plane" {
  role       = aws_iam_role.control_plane.name
  policy_arn = "${local.arn}/AmazonEKSClusterPolicy"
}

resource "aws_eks_cluster" "this" {
  name     = var.name
  version  = var.kubernetes_version
  role_arn = aws_iam_role.control_plane.arn

  # The add-ons are ours to version, below.
  bootstrap_self_managed_addons = false
  enabled_cluster_log_types     = ["audit", "authenticator"]

  vpc_config {
    subnet_ids              = var.subnet_ids
    endpoint_private_access = true
    endpoint_public_access  = length(var.api_public_cidrs) > 0
    # Null where there is no public address: the cloud's own default for this list is the whole internet.
    public_access_cidrs = length(var.api_public_cidrs) > 0 ? var.api_public_cidrs : null
  }

  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = false
  }

  encryption_config {
    resources = ["secrets"]

    provider {
      key_arn = aws_kms_key.secrets.arn
    }
  }

  # No slide into the extended support of an old version, which costs six times as much.
  upgrade_policy {
    support_type = "STANDARD"
  }

  tags = local.tags

  depends_on = [aws_iam_role_policy_attachment.control_plane, aws_cloudwatch_log_group.control_plane]
}

resource "aws_eks_access_entry" "administrator" {
  for_each = toset(var.administrators)

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.key
  tags          = local.tags
}

resource "aws_eks_access_policy_association" "administrator" {
  for_each = toset(var.administrators)

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = aws_eks_access_entry.administrator[each.key].principal_arn
  policy_arn    = "arn:${data.aws_partition.here.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"

  access_scope {
    type = "cluster"
  }
}

# --- add-ons -------------------------------------------------------------------------------------------------------------

# Before any node: without them a node never becomes ready. The network add-on also enforces the chart's NetworkPolicies.
resource "aws_eks_addon" "before_nodes" {
  for_each = {
    "vpc-cni"                = jsonencode({ enableNetworkPolicy = "true" })
    "kube-proxy"             = null
    "eks-pod-identity-agent" = null
  }

  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = each.key
  configuration_values        = each.value
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  tags                        = local.tags
}

resource "aws_eks_addon" "coredns" {
  cluster_name                = aws_eks_cluster.this.name
  addon_name                  = "coredns"
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
  tags                        = local.tags

  # Its pods need a node to be healthy on.
  depends_on = [aws_eks_node_group.core]
}
