"""Rules across languages, judged on facts."""
