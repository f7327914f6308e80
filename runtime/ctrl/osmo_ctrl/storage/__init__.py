"""Object storages: places, objects, and what goes wrong with them."""
