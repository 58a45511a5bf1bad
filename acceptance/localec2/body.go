package localec2

import (
	"io"
	"net/http"
	"strings"
)

// maxBody bounds a request's body: a block is 512 KiB, and no EC2 request that
// AWS accepts comes near a mebibyte.
const maxBody = 1 << 20

// guessService names the service of a request that no signature assigns.
func guessService(r *http.Request, body []byte) string {
	switch {
	case strings.HasPrefix(r.URL.Path, "/snapshots"):
		return "ebs"
	case strings.Contains(string(body), "Version=2011-06-15"):
		return "sts"
	}
	return "ec2"
}

// readBody reads a bounded body into memory of its exact size where the size
// is given, because a block's body becomes the stored block.
func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		return nil, refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request is larger than %d bytes", maxBody)
	}
	if r.ContentLength >= 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, bad("IncompleteBody", "The body is shorter than its Content-Length")
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return nil, refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request is larger than %d bytes", maxBody)
	}
	return body, nil
}
