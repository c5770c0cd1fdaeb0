variable "region" {
  description = "Where the shop runs."
  type        = string
  default     = "eu-central-1"
}

provider "aws" {
  region = var.region
}

module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.21.0"

  name = "harbour"
  cidr = "10.20.0.0/16"
}

module "registry" {
  source = "git::https://git.harbour.example/shop/terraform-registry.git?ref=v1.2.0"

  names = ["catalog", "orders", "web", "backup"]
}

resource "aws_s3_bucket" "dumps" {
  bucket = "harbour-shop-dumps"

  tags = {
    purpose = "database dumps"
    owner   = "shop"
  }
}
