"""The pre-commit hooks, one module a hook id."""
