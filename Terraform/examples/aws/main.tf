# The cloud under the relay: network, cluster, registry. What then has to be in the cluster before the chart is written to two
# outputs, `prerequisites` (a manifest) and `values` (the chart's values); the README has the three commands that use them.

module "network" {
  source = "../../modules/network"

  name  = var.name
  cidr  = var.cidr
  zones = var.zones
  nat   = var.nat
}

module "cluster" {
  source = "../../modules/cluster"

  name               = var.name
  kubernetes_version = var.kubernetes_version
  vpc_id             = module.network.vpc_id
  vpc_cidr           = module.network.cidr
  subnet_ids         = module.network.private_subnet_ids
  api_public_cidrs   = var.api_public_cidrs
  administrators     = var.administrators
  viewer_cidrs       = var.viewer_cidrs
  publisher_cidrs    = var.publisher_cidrs
  core               = var.core
  edge               = var.edge
  edge_spot          = var.edge_spot
}

module "redis" {
  source = "../../modules/redis"

  name                      = var.name
  vpc_id                    = module.network.vpc_id
  subnet_ids                = module.network.private_subnet_ids
  client_security_group_ids = [module.cluster.node_security_group_id]
  node_type                 = var.redis_node_type
  replicas                  = var.redis_replicas
  apply_immediately         = var.redis_apply_immediately
  secret_recovery_days      = var.secret_recovery_days
}

# --- the secret that nodes of one cluster share ---------------------------------------------------------------------------

resource "aws_secretsmanager_secret" "cluster_key" {
  name_prefix             = "${var.name}-cluster-key-"
  description             = "What nodes of the relay ${var.name} prove to each other"
  recovery_window_in_days = var.secret_recovery_days
}

resource "aws_secretsmanager_secret_version" "cluster_key" {
  secret_id     = aws_secretsmanager_secret.cluster_key.id
  secret_string = sha256("${uuid()}${uuid()}")

  lifecycle {
    ignore_changes = [secret_string] # Each run makes another one; the first is kept.
  }
}
