variable "name" {
  description = "Prefix of every name in this network, and the name of the Kubernetes cluster that will live in it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name: 3 to 30 of a-z 0-9 -, beginning with a letter and not ending with a dash."
  }
}

variable "cidr" {
  description = "IPv4 block of the VPC. Every pod takes an address of it: a /16 has room for some 50,000."
  type        = string
  default     = "10.64.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.cidr)) && try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 18, false)
    error_message = "cidr: an IPv4 block from /16 to /18, for example 10.64.0.0/16."
  }

  validation {
    condition     = try(cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "cidr: the address has bits set behind the prefix; write the block's first address."
  }
}

variable "zones" {
  description = "Availability zones to spread over. Empty: the first three of the region that need no opt-in and that EKS supports."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.zones) == 0 || (length(var.zones) >= 2 && length(var.zones) <= 4)
    error_message = "zones: none (chosen for you), or two to four; EKS and the failover of Redis need at least two."
  }

  validation {
    condition     = length(distinct(var.zones)) == length(var.zones)
    error_message = "zones: each zone once."
  }
}

variable "nat" {
  description = <<-EOT
    How private subnets reach the internet. Viewers never pass it: media leaves through the load balancer. Images and cloud APIs do.
    per_zone: a gateway in each zone; the loss of one zone leaves the others able to start nodes.
    single:   one gateway; cheaper, and nothing can be started anywhere while its zone is down.
    none:     no way out; private endpoints of the cloud's own services instead, and images must come from ECR.
  EOT
  type        = string
  default     = "per_zone"

  validation {
    condition     = contains(["per_zone", "single", "none"], var.nat)
    error_message = "nat: per_zone, single or none."
  }
}

variable "flow_log_days" {
  description = "Days that records of refused connections are kept; 0 writes none. Accepted flows are not logged: with live video that would be a record per viewer and minute."
  type        = number
  default     = 14

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365], var.flow_log_days)
    error_message = "flow_log_days: 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180 or 365 (what CloudWatch knows)."
  }
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
