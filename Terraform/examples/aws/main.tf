# The cloud under the relay: network, cluster, registry. What then has to be in the cluster before the chart is written to two
# outputs, `prerequisites` (a manifest) and `values` (the chart's values); two more have the values of the controllers' charts. The
# README has the commands that use them.

locals {
  # Begins each key in Redis: the registry's user may touch no others.
  prefix = "relay:1"

  edge_pools = { for name, pool in module.cluster.pools : name => pool if name != "core" }
  spot       = anytrue([for pool in values(local.edge_pools) : pool.capacity == "SPOT"])

  # How long a drain may take, s; a pod's grace period is this + 60 (the chart's).
  # Origins: EKS gives up an update of a node group when a node is not empty after 15 minutes.
  origin_drain = 780
  # Edges: a spot machine is gone 120 s after its notice, and the last seconds are for EKS to hear of it and to begin.
  edge_drain = local.spot ? 90 : 600

  # No pod that is evicted needs longer, so a node autoscaler that waits this long cuts none.
  longest_grace = max(local.origin_drain, local.edge_drain) + 60
}

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
  viewer_ports       = { tcp = var.viewer_rtmp ? [8080, 1935] : [8080] }
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
  prefix                    = local.prefix
  token                     = var.redis_token
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
