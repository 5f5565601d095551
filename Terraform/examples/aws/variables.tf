variable "region" {
  description = "Region of the cloud."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region: for example eu-central-1."
  }
}

variable "name" {
  description = "Name of everything that is made here."
  type        = string
  default     = "relay"

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9]){2,29}$", var.name))
    error_message = "name: 3 to 30 of a-z 0-9 -, beginning with a letter, without two dashes in a row or one at the end."
  }
}

variable "cidr" {
  description = "IPv4 block of the VPC, /16 to /18."
  type        = string
  default     = "10.64.0.0/16"
}

variable "zones" {
  description = "Availability zones; empty takes the region's first three."
  type        = list(string)
  default     = []
}

variable "nat" {
  description = "per_zone, single or none; see the network module."
  type        = string
  default     = "per_zone"
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes; one that EKS supports at the normal price. Pods know their zone from 1.35 on."
  type        = string
  default     = "1.35"
}

variable "api_public_cidrs" {
  description = "IPv4 blocks that may reach the Kubernetes API from the internet, none wider than /16; [] keeps the API inside the VPC. To be decided: no default."
  type        = list(string)
}

variable "administrators" {
  description = "ARNs of the IAM roles or users that administer the cluster; your own among them if you want to use it."
  type        = list(string)
}

variable "viewer_cidrs" {
  description = "Who may watch; a public service is open to all."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "viewer_rtmp" {
  description = "Whether viewers are offered RTMP beside HTTP. An edge takes publishers at the same port: everybody in viewer_cidrs may then publish, too."
  type        = bool
  default     = false
}

variable "publisher_cidrs" {
  description = "Who may publish. Empty: nobody from outside the VPC, unless viewer_rtmp is on."
  type        = list(string)
  default     = []
}

variable "core" {
  description = "On-demand nodes of origins and autoscaler; see the cluster module."
  type        = any
  default     = {}
}

variable "edge" {
  description = "On-demand nodes of edges; see the cluster module."
  type        = any
  default     = {}
}

variable "edge_spot" {
  description = "Groups of spot nodes of edges; null takes the cluster module's, {} uses no spot at all."
  type        = any
  default     = null
}

variable "redis_node_type" {
  description = "Size of the registry's nodes."
  type        = string
  default     = "cache.m7g.large"
}

variable "redis_replicas" {
  description = "Copies of the registry beside the primary."
  type        = number
  default     = 2
}

variable "redis_token" {
  description = "Which of the registry's two tokens, a or b, the nodes use; see the README on a new token."
  type        = string
  default     = "a"
}

variable "redis_apply_immediately" {
  description = "Whether a change of the registry is made at once instead of in its maintenance window."
  type        = bool
  default     = false
}

variable "secret_recovery_days" {
  description = "Days in which a deleted secret can be brought back; 0 deletes at once (for trials)."
  type        = number
  default     = 7

  validation {
    condition     = var.secret_recovery_days == 0 || (var.secret_recovery_days >= 7 && var.secret_recovery_days <= 30)
    error_message = "secret_recovery_days: 0, or 7 to 30."
  }
}

variable "image" {
  description = "The relay's image without a tag, in a registry that the nodes can pull from."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+$", var.image))
    error_message = "image: registry/repository without a tag, for example 123456789012.dkr.ecr.eu-central-1.amazonaws.com/edge-relay."
  }
}

variable "image_tag" {
  description = "Tag of the image; a release, not `latest`, or a rollback rolls back to nothing."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$", var.image_tag)) && var.image_tag != "latest"
    error_message = "image_tag: a tag that names one build, and not latest."
  }
}

variable "namespace" {
  description = "Namespace of the relay in the cluster."
  type        = string
  default     = "relay"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace)) && !startswith(var.namespace, "kube-")
    error_message = "namespace: up to 63 of a-z 0-9 -, and not one of the system's."
  }
}

variable "edge_replicas" {
  description = "Fewest and most edges that the autoscaler may ask for. Each has a node of its own, and a rollout adds a quarter: 1.25 times the most must fit the node groups."
  type = object({
    min = optional(number, 3)
    max = optional(number, 100)
  })
  default = {}

  validation {
    condition     = var.edge_replicas.min >= 1 && var.edge_replicas.min <= var.edge_replicas.max && var.edge_replicas.max <= 5000
    error_message = "edge_replicas: 1 <= min <= max <= 5000."
  }
}

variable "edge_egress_mbps" {
  description = <<-EOT
    What one edge can send for hours, Mbit/s. An instance type's "up to" is a burst of minutes; its baseline counts, and that of the weakest
    type in the groups. c7i.xlarge and most of the default groups have 1562, c5.xlarge and m5.xlarge 1250; 4 % of that are headers:
    https://docs.aws.amazon.com/ec2/latest/instancetypes/co.html, network specifications; here as Karpenter's copy has them
    (pkg/providers/instancetype/zz_generated.bandwidth.go). The autoscaler plans with 75 % of it.
  EOT
  type        = number
  default     = 1200

  validation {
    condition     = var.edge_egress_mbps >= 100 && var.edge_egress_mbps <= 200000 && floor(var.edge_egress_mbps) == var.edge_egress_mbps
    error_message = "edge_egress_mbps: 100 to 200000, whole Mbit/s."
  }
}

variable "tags" {
  description = "Further tags of every resource."
  type        = map(string)
  default     = {}
}
