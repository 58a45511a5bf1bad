package query

import (
	"encoding/xml"
	"net/http"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// Results is the Query protocol with the answers of STS and IAM: an element
// ACTIONResponse in the service's namespace, with ACTIONResult in it.
type Results struct {
	Reader
	Namespace string
}

type metadata struct {
	RequestID string `xml:"RequestId"`
}

// An element is an XML element whose name isn't fixed.
type element struct {
	name  string
	value any
}

// MarshalXML implements [xml.Marshaler].
func (e element) MarshalXML(to *xml.Encoder, _ xml.StartElement) error {
	return to.EncodeElement(e.value, xml.StartElement{Name: xml.Name{Local: e.name}})
}

// Write writes the result of an action.
func (p *Results) Write(w http.ResponseWriter, c *api.Call, result any) {
	WriteXML(w, http.StatusOK, xml.Name{Space: p.Namespace, Local: c.Action + "Response"}, struct {
		Result   element
		Metadata metadata `xml:"ResponseMetadata"`
	}{element{c.Action + "Result", result}, metadata{c.RequestID}})
}

// WriteError writes an error.
func (p *Results) WriteError(w http.ResponseWriter, c *api.Call, e *api.Error) {
	type sender struct {
		Type, Code, Message string
	}
	WriteXML(w, e.Status, xml.Name{Space: p.Namespace, Local: "ErrorResponse"}, struct {
		Error     sender
		RequestID string `xml:"RequestId"`
	}{sender{"Sender", e.Code, e.Message}, c.RequestID})
}
