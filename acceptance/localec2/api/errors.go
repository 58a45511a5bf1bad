package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is an error with the code and message that AWS uses. Each protocol
// writes it in its own format.
type Error struct {
	Status  int // HTTP status
	Code    string
	Message string
	Reason  string // EBS direct APIs only
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Refuse returns an error with a given HTTP status.
func Refuse(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Bad returns an error with status 400, as nearly all EC2 errors have.
func Bad(code, format string, args ...any) *Error {
	return Refuse(http.StatusBadRequest, code, format, args...)
}

// AsError returns err as an [Error]; other errors become InternalError.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Refuse(http.StatusInternalServerError, "InternalError", "%v", err)
}
