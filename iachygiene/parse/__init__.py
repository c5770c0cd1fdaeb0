"""One module a language: bytes to a small typed view with places."""
