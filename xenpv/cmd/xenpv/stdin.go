package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// stdinName stands for standard input, where a command expects a file.
const stdinName = "-"

// openInput returns the path to read for an argument: for "-", that of a temporary
// copy of standard input, because images are read at random. The returned function
// removes the copy.
func openInput(cmd *cobra.Command, path string) (input string, remove func(), err error) {
	if path != stdinName {
		return path, func() {}, nil
	}
	file, err := os.CreateTemp("", "xenpv-stdin-")
	if err != nil {
		return "", nil, fmt.Errorf("copy standard input: %w", err)
	}
	remove = func() { _ = os.Remove(file.Name()) } // a temporary file
	_, err = io.Copy(file, contextReader{cmd.Context(), cmd.InOrStdin()})
	if err = errors.Join(err, file.Close()); err != nil {
		remove()
		return "", nil, fmt.Errorf("copy standard input: %w", err)
	}
	return file.Name(), remove, nil
}

// A contextReader stops reading when the context ends.
type contextReader struct {
	ctx  context.Context
	from io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(p)
}
