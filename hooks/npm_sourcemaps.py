"""Hook `npm-sourcemaps`: npm packages ship no source maps."""

from iachygiene.cli import hook

main = hook("npm-sourcemaps", kinds=("npm",))

if __name__ == "__main__":
    raise SystemExit(main())
