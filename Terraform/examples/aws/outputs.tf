locals {
  secret = "relay-cluster"
}

output "region" {
  description = "Region of the cluster."
  value       = var.region
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
    cluster    = module.cluster.name
    region     = var.region
    secret     = local.secret
    image      = var.image
    tag        = var.image_tag
    replicas   = var.edge_replicas
    publishers = var.publisher_cidrs
    viewers    = var.viewer_cidrs
    subnets    = module.network.private_cidrs
    origins    = module.cluster.pools["core"].max
    spot       = anytrue([for pool in values(module.cluster.pools) : pool.capacity == "SPOT"])
  })
}
