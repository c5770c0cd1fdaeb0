"""HCL, the language of Terraform files: tokens, syntax tree, canonical layout."""
