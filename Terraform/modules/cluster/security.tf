# What may reach the nodes from outside the cluster. Between nodes the cluster's own group lets everything pass (the chart's
# NetworkPolicies narrow that), so only the load balancers' way in is opened here: media ports, and nothing to administer.
#
# The chart's load balancers send to pods directly. TCP then comes from the load balancer's addresses, which are the VPC's, or
# from the client's if that is kept; UDP always comes from the client's address.

resource "aws_security_group" "edge" {
  name_prefix = "${var.name}-edge-"
  description = "Viewers to edges"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-edge" })

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_security_group" "core" {
  name_prefix = "${var.name}-core-"
  description = "Publishers to origins"
  vpc_id      = var.vpc_id
  tags        = merge(local.tags, { Name = "${var.name}-core" })

  lifecycle {
    create_before_destroy = true
  }
}

locals {
  viewer_rules = merge([
    for cidr in distinct(concat([var.vpc_cidr], var.viewer_cidrs)) : merge(
      { for port in var.viewer_ports.tcp : "tcp-${port}-${cidr}" => { protocol = "tcp", port = port, cidr = cidr } },
      { for port in var.viewer_ports.udp : "udp-${port}-${cidr}" => { protocol = "udp", port = port, cidr = cidr } },
    )
  ]...)
  publisher_rules = merge([
    for cidr in distinct(concat([var.vpc_cidr], var.publisher_cidrs)) : {
      for port in var.publisher_ports : "tcp-${port}-${cidr}" => { protocol = "tcp", port = port, cidr = cidr }
    }
  ]...)
}

resource "aws_vpc_security_group_ingress_rule" "viewer" {
  for_each = local.viewer_rules

  security_group_id = aws_security_group.edge.id
  description       = "Viewers"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "publisher" {
  for_each = local.publisher_rules

  security_group_id = aws_security_group.core.id
  description       = "Publishers"
  cidr_ipv4         = each.value.cidr
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "probe" {
  for_each = { edge = aws_security_group.edge.id, core = aws_security_group.core.id }

  security_group_id = each.value
  description       = "Health checks of load balancers"
  cidr_ipv4         = var.vpc_cidr
  ip_protocol       = "tcp"
  from_port         = var.probe_port
  to_port           = var.probe_port
}
