package api

import (
	"errors"
	"fmt"
	"net/http"
)

// Error is a refusal in AWS's words. Each protocol writes it in its own shape.
type Error struct {
	Status  int // HTTP status
	Code    string
	Message string
	Reason  string // EBS direct APIs only
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Refuse makes an error with an HTTP status of its own.
func Refuse(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Bad makes an error with status 400, the status of nearly all EC2 errors.
func Bad(code, format string, args ...any) *Error {
	return Refuse(http.StatusBadRequest, code, format, args...)
}

// AsError turns any error into one that a protocol can write.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return Refuse(http.StatusInternalServerError, "InternalError", "%v", err)
}
