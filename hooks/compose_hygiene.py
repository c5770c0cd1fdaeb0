"""Hook `compose-hygiene`: Compose projects are pinned and wait for healthy services."""

from iachygiene.cli import hook

main = hook("compose-hygiene", kinds=("compose",))

if __name__ == "__main__":
    raise SystemExit(main())
