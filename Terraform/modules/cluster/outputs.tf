output "name" {
  description = "Name of the cluster."
  value       = aws_eks_cluster.this.name
}

output "endpoint" {
  description = "URL of the Kubernetes API."
  value       = aws_eks_cluster.this.endpoint
}

output "certificate_authority" {
  description = "Authority of the API's certificate, base64 of PEM."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "node_security_group_id" {
  description = "Group that every node and pod is in: what Redis lets in."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "pools" {
  description = "Node groups with their labels and taints, as the chart's node selectors and tolerations must name them."
  value = {
    for name, group in local.groups : name => {
      capacity       = group.capacity
      instance_types = group.size.instance_types
      labels         = group.labels
      taints         = group.taints
      min            = group.size.min
      max            = group.size.max
    }
  }
}

output "controller_accounts" {
  description = "Service accounts that have a role in the cloud."
  value       = { for name, controller in local.controllers : name => controller.account }
}
