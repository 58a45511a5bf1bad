package query

// TimeFormat is how EC2 writes times.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// Response is the part that the answers of all EC2 actions have. Embed it.
type Response struct {
	RequestID string `xml:"requestId"`
}

// SetRequestID sets the id that the answer shows.
func (r *Response) SetRequestID(id string) { r.RequestID = id }

// Done is the answer of an action that has nothing to say but that it
// succeeded.
type Done struct {
	Response
	Return bool `xml:"return"`
}

// Success is the answer of an action that succeeded.
func Success() *Done { return &Done{Return: true} }
