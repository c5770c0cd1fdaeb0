"""Hook `iachygiene-all`: the whole repository, whatever changed."""

from iachygiene.cli import hook

main = hook("iachygiene-all", all_files=True)

if __name__ == "__main__":
    raise SystemExit(main())
