provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ "relay.dev/name" = var.name, "managed-by" = "terraform" }, var.tags)
  }
}
