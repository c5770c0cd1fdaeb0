"""Hook `terraform-hygiene`: Terraform code is pinned and sound."""

from iachygiene.cli import hook

main = hook("terraform-hygiene", kinds=("terraform",))

if __name__ == "__main__":
    raise SystemExit(main())
