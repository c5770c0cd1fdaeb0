"""What the API of Kubernetes accepts, and whether objects keep to it."""
