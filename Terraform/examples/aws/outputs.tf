locals {
  secret = "relay-cluster"
}

output "region" {
  description = "Region of the cluster."
  value       = var.region
}

output "vpc_id" {
  description = "The VPC."
  value       = module.network.vpc_id
}

output "cluster" {
  description = "Name of the cluster."
  value       = module.cluster.name
}

output "cluster_endpoint" {
  description = "URL of the Kubernetes API."
  value       = module.cluster.endpoint
}

output "pools" {
  description = "Node groups with their labels and taints."
  value       = module.cluster.pools
}

output "controller_accounts" {
  description = "Service accounts that have a role in the cloud, for the node autoscaler and the load balancer controller."
  value       = module.cluster.controller_accounts
}

output "load_balancer_values" {
  description = "Values of the AWS load balancer controller's chart. It cannot ask the metadata service where it is, which does not answer pods."
  value = yamlencode({
    clusterName    = module.cluster.name
    region         = var.region
    vpcId          = module.network.vpc_id
    serviceAccount = { create = true, name = split("/", module.cluster.controller_accounts["load-balancer"])[1] }
  })
}

output "node_autoscaler_values" {
  description = "Values of Cluster Autoscaler's chart."
  value = yamlencode({
    cloudProvider = "aws"
    awsRegion     = var.region
    autoDiscovery = { clusterName = module.cluster.name }
    rbac          = { serviceAccount = { create = true, name = split("/", module.cluster.controller_accounts["node-autoscaler"])[1] } }
    extraArgs = {
      max-graceful-termination-sec = local.longest_grace
      expander                     = "priority"
    }
    # It does not see that pods would rather be on spot: without this, it grows any group that they fit.
    expanderPriorities = "10:\n  - .*\n20:\n  - ^eks-edge-spot-.*\n"
  })
}

output "redis_url" {
  description = "The registry's URL with its token."
  value       = module.redis.url
  sensitive   = true
}

output "kubeconfig" {
  description = "The command that lets kubectl reach the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${module.cluster.name}"
}

output "prerequisites" {
  description = "A manifest with what must be in the cluster before the chart: namespace, secret, priority classes. Apply it with: terraform output -raw prerequisites | kubectl apply -f -"
  sensitive   = true
  value = templatefile("${path.module}/prerequisites.yaml.tftpl", {
    namespace = var.namespace
    secret    = local.secret
    registry  = module.redis.url
    key       = aws_secretsmanager_secret_version.cluster_key.secret_string
  })
}

output "values" {
  description = "Values of the chart, whole and without a secret. Use it with: terraform output -raw values > values.aws.yaml"
  value = templatefile("${path.module}/values.yaml.tftpl", {
    cluster      = module.cluster.name
    region       = var.region
    prefix       = local.prefix
    secret       = local.secret
    image        = var.image
    tag          = var.image_tag
    replicas     = var.edge_replicas
    egress       = var.edge_egress_mbps
    publishers   = var.publisher_cidrs
    viewers      = var.viewer_cidrs
    rtmp         = var.viewer_rtmp
    subnets      = module.network.private_cidrs
    balancers    = module.network.public_cidrs
    origins      = module.cluster.pools["core"].max
    origin_drain = local.origin_drain
    edge_drain   = local.edge_drain
    spot         = local.spot
  })

  # Without groups of ours, somebody else makes the nodes (Karpenter).
  precondition {
    condition     = length(local.edge_pools) == 0 || sum([for pool in values(local.edge_pools) : pool.max]) >= ceil(var.edge_replicas.max * 1.25)
    error_message = "edge_replicas: each edge has a node of its own and a rollout starts a quarter more before it ends any; the groups' max (edge, edge_spot) together must be 1.25 times edge_replicas.max."
  }
}
