variable "name" {
  description = "Name of the cluster; the network's, whose subnets are tagged with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name: 3 to 30 of a-z 0-9 -, beginning with a letter and not ending with a dash."
  }
}

variable "kubernetes_version" {
  description = "Minor version of Kubernetes. Pods know their zone from 1.35 on, which the relay plans with; the order in which the autoscaler has pods removed needs 1.22."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.(2[89]|[34][0-9])$", var.kubernetes_version))
    error_message = "kubernetes_version: a minor version from 1.28 on, for example 1.35."
  }
}

variable "vpc_id" {
  description = "The VPC that the cluster stands in."
  type        = string

  validation {
    condition     = startswith(var.vpc_id, "vpc-")
    error_message = "vpc_id: the id of a VPC, vpc-…"
  }
}

variable "subnet_ids" {
  description = "Private subnets of nodes and pods, each in a zone of its own."
  type        = list(string)

  validation {
    condition     = length(var.subnet_ids) >= 2
    error_message = "subnet_ids: at least two, in different zones."
  }
}

variable "api_public_cidrs" {
  description = <<-EOT
    IPv4 blocks that may reach the Kubernetes API from the internet: offices, a VPN's exit, CI. There is no default, so that somebody
    decides. Empty: the API has no public address, and is reached from inside the VPC only.
  EOT
  type        = list(string)

  validation {
    condition     = alltrue([for cidr in var.api_public_cidrs : can(cidrnetmask(cidr))])
    error_message = "api_public_cidrs: IPv4 blocks such as 203.0.113.0/24."
  }

  validation {
    condition     = alltrue([for cidr in var.api_public_cidrs : try(tonumber(split("/", cidr)[1]) >= 16, true)])
    error_message = "api_public_cidrs: no block wider than /16; the whole internet is not an administrator."
  }
}

variable "administrators" {
  description = "ARNs of IAM roles or users that administer the cluster. The identity that runs Terraform is not added by itself."
  type        = list(string)

  validation {
    condition     = alltrue([for arn in var.administrators : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/.+$", arn))])
    error_message = "administrators: ARNs of roles or users, arn:aws:iam::123456789012:role/NAME."
  }

  validation {
    condition     = length(var.administrators) > 0
    error_message = "administrators: at least one, or nobody can administer the cluster."
  }
}

variable "log_days" {
  description = "Days that the control plane's audit and authenticator logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.log_days)
    error_message = "log_days: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365 (what CloudWatch knows)."
  }
}

variable "core" {
  description = "On-demand nodes of origins, the autoscaler and the cluster's own pods. Never spot: an origin that goes takes its publishers' connections with it."
  type = object({
    instance_types = optional(list(string), ["m7i.xlarge"])
    min            = optional(number, 3)
    max            = optional(number, 12)
    disk_gib       = optional(number, 40)
  })
  default = {}

  validation {
    condition     = length(var.core.instance_types) >= 1
    error_message = "core.instance_types: at least one."
  }

  validation {
    condition     = var.core.min >= 2 && var.core.min <= var.core.max && var.core.max <= 450
    error_message = "core: 2 <= min <= max <= 450; with fewer than two nodes, one loss stops origins and autoscaler alike."
  }

  validation {
    condition     = var.core.disk_gib >= 20 && var.core.disk_gib <= 1000
    error_message = "core.disk_gib: 20 to 1000."
  }
}

variable "edge" {
  description = "On-demand nodes of edges: the part of the audience that a bad hour on the spot market must not touch. max = 0 makes none."
  type = object({
    instance_types = optional(list(string), ["c7i.xlarge"])
    min            = optional(number, 2)
    max            = optional(number, 20)
    disk_gib       = optional(number, 30)
  })
  default = {}

  validation {
    condition     = length(var.edge.instance_types) >= 1
    error_message = "edge.instance_types: at least one."
  }

  validation {
    condition     = var.edge.min >= 0 && var.edge.min <= var.edge.max && var.edge.max <= 450
    error_message = "edge: 0 <= min <= max <= 450, which is what one node group may hold."
  }

  validation {
    condition     = var.edge.disk_gib >= 20 && var.edge.disk_gib <= 1000
    error_message = "edge.disk_gib: 20 to 1000."
  }
}

variable "edge_spot" {
  description = <<-EOT
    Groups of spot nodes for edges, by name. Within a group all types must have the same cores and about the same memory: one pod
    must fit each of them in the same way. Between groups they should differ, since one market rarely empties together with another.
  EOT
  type = map(object({
    instance_types = list(string)
    min            = optional(number, 0)
    max            = optional(number, 60)
    disk_gib       = optional(number, 30)
  }))
  nullable = false # Null takes the default, so that a caller can pass its own variable through.
  default = {
    compute = { instance_types = ["c7i.xlarge", "c6i.xlarge", "c6a.xlarge", "c7a.xlarge", "c5.xlarge"] }
    general = { instance_types = ["m7i.xlarge", "m6i.xlarge", "m6a.xlarge", "m7a.xlarge", "m5.xlarge"] }
  }

  validation {
    condition     = alltrue([for name in keys(var.edge_spot) : can(regex("^[a-z][a-z0-9-]{0,19}$", name))])
    error_message = "edge_spot: names are 1 to 20 of a-z 0-9 -, beginning with a letter."
  }

  validation {
    condition     = alltrue([for group in values(var.edge_spot) : length(distinct(group.instance_types)) >= 3])
    error_message = "edge_spot: at least three instance types in each group; a single spot market can run dry within minutes."
  }

  validation {
    condition     = alltrue([for group in values(var.edge_spot) : group.min >= 0 && group.min <= group.max && group.max <= 450])
    error_message = "edge_spot: 0 <= min <= max <= 450 in each group."
  }

  validation {
    condition     = alltrue([for group in values(var.edge_spot) : group.disk_gib >= 20 && group.disk_gib <= 1000])
    error_message = "edge_spot: disk_gib of 20 to 1000."
  }
}

variable "architecture" {
  description = "Processor of all nodes: x86_64 or arm64. The relay's image must have been built for it, and the instance types must have it."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture: x86_64 or arm64."
  }
}

variable "viewer_ports" {
  description = <<-EOT
    Ports of edges that viewers connect to through the load balancer. RTMP (1935) is not among them by default: an edge takes
    publishers at the same port, so whoever may watch there may publish.
  EOT
  type = object({
    tcp = optional(list(number), [8080])
    udp = optional(list(number), [])
  })
  default = {}

  validation {
    condition     = alltrue([for port in concat(var.viewer_ports.tcp, var.viewer_ports.udp) : port >= 1 && port <= 65535 && !contains([22, 2379, 6379, 9090, 9091, 10250], port)])
    error_message = "viewer_ports: 1 to 65535, and not those of SSH, etcd, Redis, the admin API, the probes or the kubelet."
  }
}

variable "viewer_cidrs" {
  description = "Who may watch; a public service is open to all."
  type        = list(string)
  default     = ["0.0.0.0/0"]

  validation {
    condition     = alltrue([for cidr in var.viewer_cidrs : can(cidrnetmask(cidr))])
    error_message = "viewer_cidrs: IPv4 blocks such as 198.51.100.0/24."
  }
}

variable "publisher_ports" {
  description = "Ports of origins that publishers connect to through the load balancer."
  type        = list(number)
  default     = [1935]

  validation {
    condition     = alltrue([for port in var.publisher_ports : port >= 1 && port <= 65535 && !contains([22, 2379, 6379, 9090, 9091, 10250], port)])
    error_message = "publisher_ports: 1 to 65535, and not those of SSH, etcd, Redis, the admin API, the probes or the kubelet."
  }
}

variable "publisher_cidrs" {
  description = "Who may publish: studios, encoders, contributors' networks. Empty opens nothing from outside the VPC."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.publisher_cidrs : can(cidrnetmask(cidr))])
    error_message = "publisher_cidrs: IPv4 blocks such as 198.51.100.0/24."
  }
}

variable "probe_port" {
  description = "Port at which load balancers ask a pod whether it is ready; open to the VPC only."
  type        = number
  default     = 9091

  validation {
    condition     = var.probe_port >= 1024 && var.probe_port <= 65535 && !contains([2379, 6379, 9090, 10250], var.probe_port)
    error_message = "probe_port: 1024 to 65535, and not that of etcd, Redis, the admin API or the kubelet."
  }
}

variable "vpc_cidr" {
  description = "Block of the VPC. Load balancers that do not keep the client's address come from it."
  type        = string

  validation {
    condition     = can(cidrnetmask(var.vpc_cidr))
    error_message = "vpc_cidr: an IPv4 block such as 10.64.0.0/16."
  }
}

variable "controllers" {
  description = <<-EOT
    Roles for controllers that are installed beside the relay, tied to their service accounts (namespace/name) by EKS Pod Identity;
    null makes none. node_autoscaler adds nodes when pods wait for one; load_balancer makes network load balancers for Services.
  EOT
  type = object({
    node_autoscaler = optional(string, "kube-system/cluster-autoscaler")
    load_balancer   = optional(string, "kube-system/aws-load-balancer-controller")
  })
  default = {}

  validation {
    condition = alltrue([
      for account in compact([var.controllers.node_autoscaler, var.controllers.load_balancer]) : can(regex("^[a-z0-9-]{1,63}/[a-z0-9.-]{1,253}$", account))
    ])
    error_message = "controllers: namespace/service-account, for example kube-system/cluster-autoscaler."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
