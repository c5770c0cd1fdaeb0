"""Rules for Compose."""
