"""Hook `terraform-fmt`: Terraform files are in canonical format."""

from iachygiene.cli import hook

main = hook("terraform-fmt", select=("TF001", "TF002"))

if __name__ == "__main__":
    raise SystemExit(main())
