variable "name" {
  description = "Name of the replication group, and prefix of what belongs to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){2,31}$", var.name))
    error_message = "name: 3 to 32 of a-z 0-9 -, beginning with a letter, without two dashes in a row or one at the end."
  }
}

variable "vpc_id" {
  description = "The VPC that it stands in."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "vpc_id: the id of a VPC, vpc-…"
  }
}

variable "subnet_ids" {
  description = "Private subnets, each in a zone of its own: the replicas are spread over them."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids: at least two, or there is no other zone to fail over to."
  }
}

variable "client_security_group_ids" {
  description = "Security groups whose members may connect: those of the cluster's nodes. Nobody else can."
  type        = list(string)

  validation {
    condition     = length(var.client_security_group_ids) > 0
    error_message = "client_security_group_ids: at least one, or no node reaches the registry."
  }
}

variable "prefix" {
  description = "What the relay's keys and channels begin with, `cluster.prefix` of the chart: its user may touch no others."
  type        = string
  default     = "relay:1"

  validation {
    condition     = can(regex("^[A-Za-z0-9._:-]{1,64}$", var.prefix))
    error_message = "prefix: 1 to 64 of A-Z a-z 0-9 . _ - :"
  }
}

variable "token" {
  description = "Which of the two tokens, a or b, the URL has. Both are valid; rotation replaces the one that is not in use and then changes this."
  type        = string
  default     = "a"

  validation {
    condition     = contains(["a", "b"], var.token)
    error_message = "token: a or b."
  }
}

variable "engine" {
  description = "valkey or redis. The registry uses nothing in which they differ; valkey is priced lower."
  type        = string
  default     = "redis"

  validation {
    condition     = contains(["redis", "valkey"], var.engine)
    error_message = "engine: redis or valkey."
  }
}

variable "engine_version" {
  description = "Version of the engine; null takes 7.1 of redis or 8.0 of valkey."
  type        = string
  default     = null

  validation {
    condition     = var.engine_version == null ? true : can(regex("^[78]\\.[0-9]+$", var.engine_version))
    error_message = "engine_version: 7.x or 8.x, for example 7.1; older engines lack what the registry's scripts use."
  }
}

variable "node_type" {
  description = <<-EOT
    Size of each node. 5,000 edges that report every two seconds are 2,500 small writes a second and some 100 MB: CPU of one core
    is what counts, memory is not. Bursting sizes (t3, t4g) are for trials: out of credit they answer late, and late looks like dead.
  EOT
  type        = string
  default     = "cache.m7g.large"

  validation {
    condition     = can(regex("^cache\\.[a-z][a-z0-9]*\\.[a-z0-9]+$", var.node_type))
    error_message = "node_type: an ElastiCache size, for example cache.m7g.large."
  }
}

variable "replicas" {
  description = "Copies beside the primary. Two survive a failover and a broken node at once."
  type        = number
  default     = 2

  validation {
    condition     = var.replicas >= 1 && var.replicas <= 5 && floor(var.replicas) == var.replicas
    error_message = "replicas: 1 to 5; without a copy there is nothing to fail over to."
  }
}

variable "maintenance_window" {
  description = "When the cloud may patch it (UTC); a patch of the primary is a failover, so pick an hour without a large audience."
  type        = string
  default     = "tue:06:00-tue:07:00"

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance_window))
    error_message = "maintenance_window: ddd:hh:mm-ddd:hh:mm in UTC, for example tue:06:00-tue:07:00."
  }
}

variable "apply_immediately" {
  description = "Whether a change is made at once instead of in the maintenance window."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "Days in which a deleted token can be brought back; 0 deletes at once (for trials)."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days: 0, or 7 to 30."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
