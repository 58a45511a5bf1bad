package cloudtest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Send sends a request on to the server.
type Send func(*http.Request) (*http.Response, error)

// A Hook stands between the SDK and the server.
type Hook func(action string, request *http.Request, send Send) (*http.Response, error)

type hookedClient struct {
	client aws.HTTPClient
	hook   Hook
}

func (c hookedClient) Do(request *http.Request) (*http.Response, error) {
	form, err := Form(request)
	if err != nil {
		return nil, err
	}
	return c.hook(form.Get("Action"), request, c.client.Do)
}

// HookCalls puts a hook between the session and the server.
func HookCalls(s *cloud.Session, hook Hook) {
	s.EC2 = ec2.New(s.EC2.Options(), func(o *ec2.Options) { o.HTTPClient = hookedClient{o.HTTPClient, hook} })
	s.STS = sts.New(s.STS.Options(), func(o *sts.Options) { o.HTTPClient = hookedClient{o.HTTPClient, hook} })
}

// Form reads a request's parameters and leaves it as it was.
func Form(request *http.Request) (url.Values, error) {
	data, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	request.Body = io.NopCloser(bytes.NewReader(data))
	return url.ParseQuery(string(data))
}

// SetForm replaces a request's parameters. The local EC2 doesn't verify
// signatures.
func SetForm(request *http.Request, form url.Values) {
	data := []byte(form.Encode())
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
}

// Answer makes an answer of EC2.
func Answer(xml string) *http.Response {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Body: io.NopCloser(strings.NewReader(xml))}
}

// EmptyFirstPages makes the first page of every list that is filtered by tag
// empty. EC2 may do that, since it filters after cutting the pages.
func EmptyFirstPages(s *cloud.Session) {
	const token = "more"
	HookCalls(s, func(action string, request *http.Request, send Send) (*http.Response, error) {
		form, err := Form(request)
		if err != nil {
			return nil, err
		}
		switch {
		case !strings.HasPrefix(form.Get("Filter.1.Name"), "tag:"):
		case form.Get("NextToken") == "":
			return Answer(fmt.Sprintf("<%[1]sResponse><nextToken>%[2]s</nextToken></%[1]sResponse>", action, token)), nil
		case form.Get("NextToken") == token:
			form.Del("NextToken")
			SetForm(request, form)
		}
		return send(request)
	})
}
