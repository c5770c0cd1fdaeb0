"""Rules for Dockerfile."""
