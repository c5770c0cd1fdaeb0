"""`python -m iachygiene`."""

from iachygiene.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
