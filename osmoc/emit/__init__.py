"""From a `Plan` to Kubernetes objects and to bytes. `argo` and `jobs` do not know each other."""
