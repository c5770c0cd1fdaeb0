"""The rules: one folder a language, one module a theme, found by being there."""
