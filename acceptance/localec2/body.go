package localec2

import (
	"cmp"
	"io"
	"net/http"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// maxBody returns the limit on the body of a service's request. A nil service is
// one that the server doesn't have.
func maxBody(svc *api.Service) int64 {
	if svc == nil {
		return api.DefaultMaxBody
	}
	return cmp.Or(svc.MaxBody, api.DefaultMaxBody)
}

// readBody reads a body of limited size. If the request has a Content-Length, the
// result has that exact capacity, because a block's body becomes the stored
// block.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	tooLarge := api.Refuse(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request is larger than %d bytes", limit)
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	if r.ContentLength >= 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, api.Bad("IncompleteBody", "The body is shorter than its Content-Length")
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil || int64(len(body)) > limit {
		return nil, tooLarge
	}
	return body, nil
}
