module osmo/room

go 1.24
