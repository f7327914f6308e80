"""Two runs side by side: what a user would say has changed, and every line of their manifests. Pure."""
