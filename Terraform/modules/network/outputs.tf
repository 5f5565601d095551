output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "cidr" {
  description = "IPv4 block of the VPC, which is also the block of all pods."
  value       = aws_vpc.this.cidr_block
}

output "zones" {
  description = "The zones in use, in order."
  value       = local.zones
}

output "private_subnet_ids" {
  description = "Subnets of nodes, pods and Redis, in the order of the zones. Their routes are in place when this value is."
  value       = [for zone in local.zones : aws_subnet.private[zone].id]

  # A node that starts before its route cannot join the cluster, and its group then fails as a whole.
  depends_on = [aws_route.private_out, aws_route_table_association.private, aws_vpc_endpoint.s3, aws_vpc_endpoint.service]
}

output "private_cidrs" {
  description = "IPv4 blocks of the private subnets, in the order of the zones; what is not a viewer or a publisher comes from these."
  value       = [for zone in local.zones : aws_subnet.private[zone].cidr_block]
}

output "public_subnet_ids" {
  description = "Subnets of internet-facing load balancers, in the order of the zones."
  value       = [for zone in local.zones : aws_subnet.public[zone].id]
  depends_on  = [aws_route.public_out, aws_route_table_association.public]
}

output "public_cidrs" {
  description = "IPv4 blocks of the public subnets, in the order of the zones; where the load balancers' health checks come from."
  value       = [for zone in local.zones : aws_subnet.public[zone].cidr_block]
}

output "nat_addresses" {
  description = "Public addresses that nodes come from; empty without NAT. For allow-lists of others."
  value       = [for zone in local.nat_zones : aws_eip.nat[zone].public_ip]
}
