terraform {
  required_version = ">= 1.6, < 2.0"
}

variable "tag" {
  description = "Release to roll out, for example 2.4.0."
  type        = string
}

locals {
  images = {
    catalog = "registry.harbour.example/catalog:${var.tag}"
    orders  = "registry.harbour.example/orders:${var.tag}"
  }
}

resource "terraform_data" "release" {
  input = local.images

  lifecycle {
    ignore_changes = [triggers_replace]
  }
}
