// The only file of the scratch image: a task that needs neither shell nor libc.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

func main() {
	if len(os.Args) != 3 {
		os.Exit(2)
	}
	argument := os.Args[2]
	switch os.Args[1] {
	case "write":
		fmt.Println("from scratch", os.Getuid())
		write(argument)
	case "exit":
		code, _ := strconv.Atoi(argument)
		os.Exit(code)
	}
}

func write(folder string) {
	private := filepath.Join(folder, "private")
	must(os.Mkdir(private, 0o700))
	must(os.WriteFile(filepath.Join(private, "file"), []byte("secret work\n"), 0o600))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
