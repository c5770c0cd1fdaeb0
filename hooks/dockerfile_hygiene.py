"""Hook `dockerfile-hygiene`: Dockerfiles are pinned, cached and do not run as root."""

from iachygiene.cli import hook

main = hook("dockerfile-hygiene", kinds=("dockerfile",))

if __name__ == "__main__":
    raise SystemExit(main())
