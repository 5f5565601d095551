# The registry of the relay: one primary and its replicas in different zones, TLS and a user required, failover by the cloud.
# Nothing is worth a backup: nodes write their entries anew within seconds.

locals {
  major   = split(".", local.version)[0]
  version = coalesce(var.engine_version, var.engine == "valkey" ? "8.0" : "7.1")
  tags    = merge(var.tags, { "relay.dev/redis" = var.name })
  port    = 6379

  # Both open the registry; the URL has one of them. So there is a moment in which nodes with the old and with the new one live together.
  tokens = toset(["a", "b"])
}

# --- the tokens ----------------------------------------------------------------------------------------------------------

resource "aws_kms_key" "this" {
  description             = "Registry of ${var.name}: data at rest and its tokens"
  enable_key_rotation     = true
  deletion_window_in_days = 7
  tags                    = local.tags
}

resource "aws_secretsmanager_secret" "token" {
  for_each = local.tokens

  name_prefix             = "${var.name}-redis-token-${each.key}-"
  description             = "Token ${each.key} of the registry ${var.name}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.secret_recovery_days
  tags                    = local.tags
}

# Made here, not by a person: two random UUIDs (244 random bits) as 64 hexadecimal digits, which need no quoting in a URL. Not by
# the data source for random passwords, whose id is the password, and ids are printed. Each run would make another one, so only
# the first is kept; a new one is asked for with -replace, see the README.
resource "aws_secretsmanager_secret_version" "token" {
  for_each = local.tokens

  secret_id     = aws_secretsmanager_secret.token[each.key].id
  secret_string = sha256("${uuid()}${uuid()}")

  lifecycle {
    ignore_changes = [secret_string]
  }
}

# --- who may connect -----------------------------------------------------------------------------------------------------

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-redis-"
  description = "Registry of the relay"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-redis" })

  lifecycle {
    create_before_destroy = true
  }
}

# By count: ids of groups that are still to be made cannot be keys.
resource "aws_vpc_security_group_ingress_rule" "client" {
  count = length(var.client_security_group_ids)

  security_group_id            = aws_security_group.this.id
  description                  = "Nodes of the cluster"
  referenced_security_group_id = var.client_security_group_ids[count.index]
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

# --- as whom, and with which rights ----------------------------------------------------------------------------------------

# The rights of the chart's own Redis: keys and channels of this relay, and no command that administers or destroys. A stolen token
# then opens neither the configuration nor what others keep there. ROLE and INFO are how a node sees that it talks to a primary.
resource "aws_elasticache_user" "node" {
  user_id       = "${var.name}-node"
  user_name     = "relay"
  engine        = "redis" # Also for Valkey, which takes users and groups of either kind.
  access_string = "on ~${var.prefix}:* resetchannels &${var.prefix}:* +@all -@admin -@dangerous +role +info"
  tags          = local.tags

  authentication_mode {
    type      = "password"
    passwords = [for token in aws_secretsmanager_secret_version.token : token.secret_string]
  }
}

# Each group of users needs one named default, which is who comes without a name. It may do nothing and is off; it has passwords because
# Valkey takes no user without.
resource "aws_elasticache_user" "nobody" {
  user_id       = "${var.name}-default"
  user_name     = "default"
  engine        = "redis"
  access_string = "off resetchannels -@all"
  tags          = local.tags

  authentication_mode {
    type      = "password"
    passwords = [for token in aws_secretsmanager_secret_version.token : token.secret_string]
  }
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = var.name
  engine        = "redis"
  user_ids      = [aws_elasticache_user.nobody.user_id, aws_elasticache_user.node.user_id]
  tags          = local.tags
}

# --- the group -----------------------------------------------------------------------------------------------------------

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
  tags       = local.tags
}

resource "aws_elasticache_parameter_group" "this" {
  name        = "${var.name}-${var.engine}${local.major}"
  family      = "${var.engine}${local.major}"
  description = "Registry of the relay"
  tags        = local.tags

  # A full registry must refuse a write, which a node sees, rather than forget a lease, which nobody sees.
  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "Registry of the relay"

  engine               = var.engine
  engine_version       = local.version
  node_type            = var.node_type
  parameter_group_name = aws_elasticache_parameter_group.this.name
  port                 = local.port

  # One shard: nodes speak to one primary, whose name follows a failover.
  num_cache_clusters         = var.replicas + 1
  automatic_failover_enabled = true
  multi_az_enabled           = true
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]

  transit_encryption_enabled = true
  at_rest_encryption_enabled = true
  kms_key_id                 = aws_kms_key.this.arn
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]

  snapshot_retention_limit   = 0
  maintenance_window         = var.maintenance_window
  auto_minor_version_upgrade = true
  apply_immediately          = var.apply_immediately

  tags = local.tags
}
