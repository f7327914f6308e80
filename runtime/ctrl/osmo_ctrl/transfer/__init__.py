"""Many files to and from a storage at once."""
