package s3

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"net/http"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// answer is what gofakes3 answers, kept until the server has recorded the call.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// HTTPStatus returns the status of the answer.
func (a *answer) HTTPStatus() int { return a.status }

// error returns an answer that is an error. To a HEAD request, it has no body.
func (a *answer) error() *api.Error {
	var e struct{ Code, Message string }
	_ = xml.Unmarshal(a.body, &e) // empty, or gofakes3's own answer
	return api.Refuse(a.status, cmp.Or(e.Code, "NotFound"), "%s", cmp.Or(e.Message, http.StatusText(a.status)))
}

// ask sends a request without a body to gofakes3.
func (s *Service) ask(method, target string) *answer {
	request, err := http.NewRequestWithContext(context.Background(), method, target, http.NoBody)
	if err != nil {
		return &answer{status: http.StatusBadRequest}
	}
	return s.serve(request)
}

func (s *Service) serve(request *http.Request) *answer {
	w := &writer{answer: answer{status: http.StatusOK, header: http.Header{}}}
	s.handler.ServeHTTP(w, request)
	w.answer.body = w.Bytes()
	return &w.answer
}

// writer collects an answer.
type writer struct {
	bytes.Buffer
	answer answer
}

func (w *writer) Header() http.Header { return w.answer.header }

func (w *writer) WriteHeader(status int) { w.answer.status = status }
