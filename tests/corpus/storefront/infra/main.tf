terraform {
  required_version = "~> 1.11"

  required_providers {
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}

resource "random_id" "name" {
  byte_length = 4
}

output "name" {
  description = "A name that no other storefront has."
  value       = random_id.name.hex
}
