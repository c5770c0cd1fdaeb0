variable "tag" {
  type = string
}

locals {
  images = {
    catalog = "registry.harbour.example/catalog:${var.tags}"
    orders  = "registry.harbour.example/orders:${var.tag}"
  }
}

resource "terraform_data" "release" {
  input = local.images

  lifecycle {
    ignore_changes = ["input"]
  }
}
