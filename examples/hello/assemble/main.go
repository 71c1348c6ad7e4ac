package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := assemble(os.Getenv("out"), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "assemble:", err)
		os.Exit(1)
	}
}

func assemble(out string, args []string) error {
	if out == "" || len(args)%3 != 0 {
		return fmt.Errorf("usage: out=DIR assemble [copy SOURCE DESTINATION | link TARGET DESTINATION]…")
	}
	for ; len(args) > 0; args = args[3:] {
		to := filepath.Join(out, args[2])
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := put(args[0], args[1], to); err != nil {
			return err
		}
	}
	return nil
}

func put(how, from, to string) error {
	switch how {
	case "link":
		return os.Symlink(from, to)
	case "copy":
		info, err := os.Stat(from)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, info.Mode().Perm())
	}
	return fmt.Errorf("%q is neither copy nor link", how)
}
