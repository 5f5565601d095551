# Three kinds of managed node groups. Their labels and taints are what the chart's node selectors and tolerations name:
#   core       relay.dev/pool=core                                    no taint: the cluster's own pods live here too
#   edge       relay.dev/pool=edge  relay.dev/capacity=on-demand      taint relay.dev/pool=edge
#   edge-spot  relay.dev/pool=edge  relay.dev/capacity=spot           taints relay.dev/pool=edge, relay.dev/capacity=spot
# A managed group watches for the cloud's notice that a spot node goes, starts a replacement and drains the node. The pods' preStop then
# waits for viewers to leave, but the machine waits for nobody: 120 s after the notice it is gone, and who is still there connects anew.
# So a drain of edges on spot has to be shorter; the example's is 90 s.

locals {
  ami_type = var.architecture == "arm64" ? "AL2023_ARM_64_STANDARD" : "AL2023_x86_64_STANDARD"

  groups = merge(
    {
      core = {
        pool   = "core", capacity = "ON_DEMAND", size = var.core, security_group = aws_security_group.core.id
        labels = { "relay.dev/pool" = "core", "relay.dev/capacity" = "on-demand" }
        taints = {}
      }
    },
    var.edge.max == 0 ? {} : {
      edge = {
        pool   = "edge", capacity = "ON_DEMAND", size = var.edge, security_group = aws_security_group.edge.id
        labels = { "relay.dev/pool" = "edge", "relay.dev/capacity" = "on-demand" }
        taints = { "relay.dev/pool" = "edge" }
      }
    },
    {
      for name, group in var.edge_spot : "edge-spot-${name}" => {
        pool   = "edge", capacity = "SPOT", size = group, security_group = aws_security_group.edge.id
        labels = { "relay.dev/pool" = "edge", "relay.dev/capacity" = "spot" }
        taints = { "relay.dev/pool" = "edge", "relay.dev/capacity" = "spot" }
      } if group.max > 0
    },
  )
  edge_groups = { for name, group in local.groups : name => group if name != "core" }
}

data "aws_iam_policy_document" "node_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "node" {
  name_prefix        = "${var.name}-node-"
  assume_role_policy = data.aws_iam_policy_document.node_trust.json
  tags               = local.tags
}

# Join the cluster, give pods addresses, pull images: nothing else. Pods cannot use it, since the metadata service is one hop away.
resource "aws_iam_role_policy_attachment" "node" {
  for_each = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"])

  role       = aws_iam_role.node.name
  policy_arn = "${local.arn}/${each.key}"
}

resource "aws_launch_template" "node" {
  for_each = local.groups

  name_prefix            = "${var.name}-${each.key}-"
  description            = "Nodes of the group ${each.key} of ${var.name}"
  vpc_security_group_ids = [aws_eks_cluster.this.vpc_config[0].cluster_security_group_id, each.value.security_group]

  # Only the node itself gets its credentials: a token is needed, and its answer does not reach a pod.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  block_device_mappings {
    device_name = "/dev/xvda"

    ebs {
      volume_type           = "gp3"
      volume_size           = each.value.size.disk_gib
      encrypted             = true
      delete_on_termination = true
    }
  }

  dynamic "tag_specifications" {
    for_each = ["instance", "volume"]

    content {
      resource_type = tag_specifications.value
      tags          = merge(local.tags, { Name = "${var.name}-${each.key}", "relay.dev/pool" = each.value.pool })
    }
  }

  tags = local.tags

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_eks_node_group" "core" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "core"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = var.subnet_ids
  ami_type        = local.ami_type
  capacity_type   = local.groups.core.capacity
  instance_types  = var.core.instance_types
  labels          = local.groups.core.labels

  launch_template {
    id      = aws_launch_template.node["core"].id
    version = aws_launch_template.node["core"].latest_version
  }

  scaling_config {
    min_size     = var.core.min
    desired_size = var.core.min
    max_size     = var.core.max
  }

  # One node at a time, for its publishers have to move. EKS gives each 15 minutes to become empty; then the whole update fails, and is
  # not forced. An origin's grace period has to end before: the example's is 14 minutes.
  # https://docs.aws.amazon.com/eks/latest/userguide/managed-node-update-behavior.html
  update_config {
    max_unavailable = 1
  }

  timeouts {
    update = "3h"
  }

  tags = local.tags

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size] # The node autoscaler's, from the first minute on.
  }

  depends_on = [aws_iam_role_policy_attachment.node, aws_eks_addon.before_nodes]
}

resource "aws_eks_node_group" "edge" {
  for_each = local.edge_groups

  cluster_name    = aws_eks_cluster.this.name
  node_group_name = each.key
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = var.subnet_ids
  ami_type        = local.ami_type
  capacity_type   = each.value.capacity
  instance_types  = each.value.size.instance_types
  labels          = each.value.labels

  dynamic "taint" {
    for_each = each.value.taints

    content {
      key    = taint.key
      value  = taint.value
      effect = "NO_SCHEDULE"
    }
  }

  launch_template {
    id      = aws_launch_template.node[each.key].id
    version = aws_launch_template.node[each.key].latest_version
  }

  scaling_config {
    min_size     = each.value.size.min
    desired_size = each.value.size.min
    max_size     = each.value.size.max
  }

  # Viewers move while they watch: a tenth of the nodes at a time leaves the others below their limit. Here, too, a node has 15 minutes.
  update_config {
    max_unavailable_percentage = 10
  }

  timeouts {
    update = "3h"
  }

  tags = local.tags

  lifecycle {
    ignore_changes = [scaling_config[0].desired_size]
  }

  depends_on = [aws_iam_role_policy_attachment.node, aws_eks_addon.before_nodes]
}

# --- what a node autoscaler must know of a group that has no node yet ------------------------------------------------------

locals {
  # An empty group has no node to read labels and taints from; these tags of the group stand in.
  templates = merge([
    for name, group in local.edge_groups : merge(
      { for key, value in group.labels : "${name}/label/${key}" => { group = name, key = "k8s.io/cluster-autoscaler/node-template/label/${key}", value = value } },
      { for key, value in group.taints : "${name}/taint/${key}" => { group = name, key = "k8s.io/cluster-autoscaler/node-template/taint/${key}", value = "${value}:NoSchedule" } },
    )
  ]...)
}

resource "aws_autoscaling_group_tag" "template" {
  for_each = local.templates

  autoscaling_group_name = aws_eks_node_group.edge[each.value.group].resources[0].autoscaling_groups[0].name

  tag {
    key                 = each.value.key
    value               = each.value.value
    propagate_at_launch = false
  }
}
