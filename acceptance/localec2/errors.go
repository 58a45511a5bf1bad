package localec2

import (
	"errors"
	"fmt"
	"net/http"
)

// apiError is a refusal as AWS words it: each protocol writes it its own way.
type apiError struct {
	status  int
	code    string
	message string
	reason  string // EBS direct APIs only
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// refuse makes an error with an HTTP status of its own.
func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// bad makes an error with status 400, as nearly all errors of EC2 have.
func bad(code, format string, args ...any) *apiError {
	return refuse(http.StatusBadRequest, code, format, args...)
}

// ebsStatus holds the HTTP status of each error of the EBS direct APIs, from
// the service model that botocore ships (ebs/2019-11-02).
var ebsStatus = map[string]int{
	"AccessDeniedException":         http.StatusForbidden,
	"ConflictException":             http.StatusConflict,
	"InternalServerException":       http.StatusInternalServerError,
	"RequestThrottledException":     http.StatusBadRequest,
	"ResourceNotFoundException":     http.StatusNotFound,
	"ServiceQuotaExceededException": http.StatusPaymentRequired,
	"ValidationException":           http.StatusBadRequest,
}

// ebsError makes an error of the EBS direct APIs, with its machine-readable
// reason where that exception has one.
func ebsError(code, reason, format string, args ...any) *apiError {
	e := refuse(ebsStatus[code], code, format, args...)
	e.reason = reason
	return e
}

// asAPIError turns any error into one that can be answered.
func asAPIError(err error) *apiError {
	if api, ok := errors.AsType[*apiError](err); ok {
		return api
	}
	return refuse(http.StatusInternalServerError, "InternalError", "%v", err)
}
