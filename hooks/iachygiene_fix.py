"""Hook `iachygiene-fix`: everything, and safe repairs."""

from iachygiene.cli import hook

main = hook("iachygiene-fix", fix=True)

if __name__ == "__main__":
    raise SystemExit(main())
