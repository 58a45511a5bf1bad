package s3

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// protocol is S3's REST protocol, with buckets in the path.
type protocol struct{ *Service }

// An operation is a method, a level (the service, a bucket or an object), and
// the parameter that tells it from others of that method and level, if any.
type operation struct{ method, level, parameter string }

// actions names the operations, as the service model does.
var actions = map[operation]string{
	{http.MethodGet, "service", ""}:           "ListBuckets",
	{http.MethodPut, "bucket", ""}:            "CreateBucket",
	{http.MethodHead, "bucket", ""}:           "HeadBucket",
	{http.MethodDelete, "bucket", ""}:         "DeleteBucket",
	{http.MethodGet, "bucket", ""}:            "ListObjects",
	{http.MethodGet, "bucket", "list-type"}:   "ListObjectsV2",
	{http.MethodGet, "bucket", "location"}:    "GetBucketLocation",
	{http.MethodGet, "bucket", "versioning"}:  "GetBucketVersioning",
	{http.MethodPut, "bucket", "versioning"}:  "PutBucketVersioning",
	{http.MethodGet, "bucket", "versions"}:    "ListObjectVersions",
	{http.MethodGet, "bucket", "uploads"}:     "ListMultipartUploads",
	{http.MethodPost, "bucket", "delete"}:     "DeleteObjects",
	{http.MethodPut, "object", ""}:            "PutObject",
	{http.MethodGet, "object", ""}:            "GetObject",
	{http.MethodHead, "object", ""}:           "HeadObject",
	{http.MethodDelete, "object", ""}:         "DeleteObject",
	{http.MethodPost, "object", "uploads"}:    "CreateMultipartUpload",
	{http.MethodPut, "object", "uploadId"}:    "UploadPart",
	{http.MethodGet, "object", "uploadId"}:    "ListParts",
	{http.MethodPost, "object", "uploadId"}:   "CompleteMultipartUpload",
	{http.MethodDelete, "object", "uploadId"}: "AbortMultipartUpload",
}

// subresources are the query parameters that tell operations apart.
var subresources = []string{"list-type", "location", "versioning", "versions", "uploads", "delete", "uploadId"}

// unserved are subresources of operations that this server doesn't have.
var unserved = []string{"acl", "cors", "encryption", "lifecycle", "policy", "policyStatus", "tagging", "website", "object-lock", "publicAccessBlock"}

// Actions returns the names of all actions.
func (protocol) Actions() []string { return slices.Sorted(maps.Values(actions)) }

// Read reads a request.
func (p protocol) Read(c *api.Call) (api.Run, error) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(c.Request.URL.Path, "/"), "/")
	c.Resource = strings.TrimSuffix(bucket+"/"+key, "/")
	op := operation{c.Request.Method, "object", ""}
	switch {
	case bucket == "":
		op.level = "service"
	case key == "":
		op.level = "bucket"
	}
	query := c.Request.URL.Query()
	for _, name := range subresources {
		if query.Has(name) {
			op.parameter = name
		}
	}
	name, known := actions[op]
	if !known || slices.ContainsFunc(unserved, query.Has) {
		return nil, api.Refuse(http.StatusNotImplemented, "NotImplemented", "localec2 does not serve %s %s", c.Request.Method, c.Request.URL)
	}
	c.Action = name
	return func() (any, error) { return p.run(c, bucket) }, nil
}

// run checks what gofakes3 doesn't, and has it run the action.
func (p protocol) run(c *api.Call, bucket string) (any, error) {
	if err := p.checkRegion(c, bucket); err != nil {
		return nil, err
	}
	request := c.Request.Clone(context.WithoutCancel(c.Request.Context()))
	request.Body = io.NopCloser(bytes.NewReader(c.Body))
	answer := p.serve(request)
	if answer.status >= http.StatusBadRequest {
		err := answer.error()
		if c.Action == "ListMultipartUploads" && err.Code == "NoSuchUpload" { // gofakes3, for a bucket that never had uploads
			return noUploads(bucket), nil
		}
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch c.Action {
	case "CreateBucket":
		p.regions[bucket] = c.Region
	case "DeleteBucket":
		delete(p.regions, bucket)
	case "HeadBucket":
		answer.header.Set("X-Amz-Bucket-Region", p.regions[bucket])
	case "GetBucketLocation":
		answer.body = location(p.regions[bucket])
	}
	return answer, nil
}

// checkRegion rejects a request for a bucket of another region, as that region's
// endpoint does, and the creation of a bucket in another region. A bucket's
// location can be asked for anywhere.
func (p protocol) checkRegion(c *api.Call, bucket string) error {
	region := p.Region(bucket)
	switch {
	case c.Action == "CreateBucket" && region != "":
		return api.Refuse(http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.")
	case c.Action == "CreateBucket":
		return checkConstraint(c)
	case region != "" && region != c.Region && c.Action != "GetBucketLocation":
		return api.Refuse(http.StatusMovedPermanently, "PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.")
	}
	return nil
}

// checkConstraint checks the LocationConstraint of a new bucket, which must be the
// region of the endpoint, except that us-east-1 has none.
func checkConstraint(c *api.Call) error {
	var in struct{ LocationConstraint string }
	if err := xml.Unmarshal(c.Body, &in); err != nil && len(c.Body) > 0 {
		return api.Bad("MalformedXML", "The XML you provided was not well-formed.")
	}
	wanted := in.LocationConstraint
	if wanted == "" {
		wanted = "us-east-1"
	}
	if wanted != c.Region {
		return api.Bad("IllegalLocationConstraintException", "The %s location constraint is incompatible for the region specific endpoint this request was sent to.", wanted)
	}
	return nil
}

// noUploads is an empty list of uploads.
func noUploads(bucket string) *answer {
	body, _ := xml.Marshal(struct { // strings don't fail
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListMultipartUploadsResult"`
		Bucket  string
	}{Bucket: bucket})
	return &answer{status: http.StatusOK, header: http.Header{"Content-Type": {"application/xml"}}, body: append([]byte(xml.Header), body...)}
}

func location(region string) []byte {
	if region == "us-east-1" {
		region = ""
	}
	body, _ := xml.Marshal(struct { // strings don't fail
		XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
		Region  string   `xml:",chardata"`
	}{Region: region})
	return append([]byte(xml.Header), body...)
}

// Write writes an answer.
func (protocol) Write(w http.ResponseWriter, c *api.Call, result any) {
	a := result.(*answer)
	maps.Copy(w.Header(), a.header)
	w.Header().Set("X-Amz-Request-Id", c.RequestID)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may have disconnected
}

// WriteError writes an error. The answer to a HEAD request has no body.
func (p protocol) WriteError(w http.ResponseWriter, c *api.Call, e *api.Error) {
	w.Header().Set("X-Amz-Request-Id", c.RequestID)
	if e.Code == "PermanentRedirect" {
		bucket, _, _ := strings.Cut(c.Resource, "/")
		w.Header().Set("X-Amz-Bucket-Region", p.Region(bucket))
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(e.Status)
	if c.Request.Method == http.MethodHead {
		return
	}
	body, _ := xml.Marshal(struct { // strings don't fail
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		Resource  string
		RequestID string `xml:"RequestId"`
	}{Code: e.Code, Message: e.Message, Resource: "/" + c.Resource, RequestID: c.RequestID})
	_, _ = w.Write(append([]byte(xml.Header), body...)) // the client may have disconnected
}
