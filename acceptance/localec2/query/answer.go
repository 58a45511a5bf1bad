package query

// TimeFormat is EC2's format for times.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Response is the common part of all EC2 answers. Embed it.
type Response struct {
	RequestID string `xml:"requestId"`
}

// SetRequestID sets the request id in the answer.
func (r *Response) SetRequestID(id string) { r.RequestID = id }

// Done is the answer of an action that returns nothing but success.
type Done struct {
	Response
	Return bool `xml:"return"`
}

// Success returns the answer of an action that succeeded.
func Success() *Done { return &Done{Return: true} }
