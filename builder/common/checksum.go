package common

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"
)

// parseChecksum reads a checksum like sha256:2cf2….
func parseChecksum(text string) (hash.Hash, []byte, error) {
	const remedy = "specify sha256: or sha512: followed by hexadecimal digits, as sha256sum prints them"
	kind, digits, ok := strings.Cut(text, ":")
	var sum hash.Hash
	switch {
	case ok && kind == "sha256":
		sum = sha256.New()
	case ok && kind == "sha512":
		sum = sha512.New()
	case text == "none":
		return nil, nil, errors.New("an image for an AMI is never used without a check: " + remedy)
	default:
		return nil, nil, errors.New(remedy)
	}
	want, err := hex.DecodeString(digits)
	if err != nil || len(want) != sum.Size() {
		return nil, nil, fmt.Errorf("%s has %d hexadecimal digits: %s", kind, 2*sum.Size(), remedy)
	}
	return sum, want, nil
}

// checkSum refuses a file whose checksum is another. Without a checksum it
// takes all.
func checkSum(ctx context.Context, path, checksum string) error {
	if checksum == "" {
		return nil
	}
	sum, want, err := parseChecksum(checksum)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return err // what is no file is refused where the image is opened
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	stop := context.AfterFunc(ctx, func() { _ = file.Close() }) // ends the reading
	defer stop()
	if _, err := io.Copy(sum, file); err != nil {
		return fmt.Errorf("read %s: %w", path, cmp.Or(context.Cause(ctx), err))
	}
	if got := sum.Sum(nil); !bytes.Equal(got, want) {
		return fmt.Errorf("%s has the checksum %x, but image_checksum is %s: it is a different file, or it is damaged", path, got, checksum)
	}
	return nil
}
