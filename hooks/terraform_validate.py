"""Hook `terraform-validate`: Terraform modules pass `terraform validate`."""

from iachygiene.cli import hook

main = hook("terraform-validate", select=("TF501", "TF502"))

if __name__ == "__main__":
    raise SystemExit(main())
