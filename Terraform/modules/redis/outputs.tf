output "host" {
  description = "Name of the primary; it follows a failover."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "port" {
  description = "Port of the primary."
  value       = local.port
}

output "url" {
  description = "What `cluster.registry` is set to. It holds the token: keep it in a Secret, never in values."
  value       = "rediss://${aws_elasticache_user.node.user_name}:${aws_secretsmanager_secret_version.token[var.token].secret_string}@${aws_elasticache_replication_group.this.primary_endpoint_address}:${local.port}"
  sensitive   = true
}

output "token_secret_arn" {
  description = "Where the token of the URL lies, for an operator that copies secrets into the cluster."
  value       = aws_secretsmanager_secret.token[var.token].arn
}

output "security_group_id" {
  description = "Group of the registry, for further rules."
  value       = aws_security_group.this.id
}
