"""Hook `iachygiene`: everything, one combined report."""

from iachygiene.cli import hook

main = hook("iachygiene")

if __name__ == "__main__":
    raise SystemExit(main())
