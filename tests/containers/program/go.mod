module osmo.dev/tests/program

go 1.24
