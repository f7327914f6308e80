module osmo.dev/exec

go 1.24
