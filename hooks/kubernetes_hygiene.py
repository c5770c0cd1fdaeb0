"""Hook `kubernetes-hygiene`: manifests are pinned, probed and do not run as root."""

from iachygiene.cli import hook

main = hook("kubernetes-hygiene", kinds=("kubernetes",))

if __name__ == "__main__":
    raise SystemExit(main())
