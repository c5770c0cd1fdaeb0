terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "region" { default = "eu-central-1" }

provider "aws" {
  region = "${var.region}"
}

module "vpc" {
  source = "terraform-aws-modules/vpc/aws"
  name = "harbour"
  cidr = "10.20.0.0/16"
}

module "registry" {
  source = "git::https://git.harbour.example/shop/terraform-registry.git"
  names = ["catalog","orders","web","backup"]
}

resource "aws_s3_bucket" "dumps" {
    bucket = "harbour-shop-dumps"
    tags = {
        purpose = "database dumps"
        owner   = "shop"
    }
}
