"""Rules for npm."""
