// Package shapetest checks the shapes of EC2's answers against the AWS SDK.
package shapetest

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// Namespace is the XML namespace of EC2's answers.
const Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// Shape is an answer and the SDK call that reads it.
type Shape struct {
	Answer any // a pointer to an empty one
	Call   func(context.Context, *ec2.Client) (any, error)
}

// Check fills each answer with values, has the SDK read it, and searches what
// the SDK understood for every value. The value of a misspelled element is
// lost.
func Check(t *testing.T, shapes []Shape) {
	t.Helper()
	for _, s := range shapes {
		t.Run(reflect.TypeOf(s.Answer).Elem().Name(), s.check)
	}
}

func (s Shape) check(t *testing.T) {
	f := &filler{}
	f.fill(reflect.ValueOf(s.Answer).Elem(), "")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		query.WriteXML(w, http.StatusOK, xml.Name{Space: Namespace, Local: "Response"}, s.Answer)
	}))
	defer srv.Close()
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: aws.AnonymousCredentials{}}
	out, err := s.Call(t.Context(), ec2.NewFromConfig(cfg))
	if err != nil {
		t.Fatal(err)
	}
	seen, err := json.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range f.values {
		if !strings.Contains(string(seen), value) {
			t.Errorf("the SDK did not find %s:\n%s", value, seen)
		}
	}
	if got := strings.Count(string(seen), "true"); got != f.bools {
		t.Errorf("the SDK found %d booleans of %d", got, f.bools)
	}
}

// filler gives every field of an answer a different value.
type filler struct {
	n      int
	values []string // as they look in JSON
	bools  int
}

func (f *filler) fill(v reflect.Value, name string) {
	f.n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.Type != reflect.TypeFor[query.Response]() && (field.IsExported() || field.Anonymous) {
				f.fill(v.Field(i), field.Tag.Get("xml"))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(v.Index(0), name)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), name)
	case reflect.Bool:
		v.SetBool(true)
		f.bools++
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(100000 + f.n))
		f.values = append(f.values, fmt.Sprint(100000+f.n))
	case reflect.String:
		f.text(v, name)
	}
}

func (f *filler) text(v reflect.Value, name string) {
	text := fmt.Sprintf("value-%d-", f.n)
	switch name {
	case "startTime", "createTime", "completionTime,omitempty", "launchTime", "timestamp,omitempty", "attachTime", "ebs>attachTime":
		text = time.Unix(int64(f.n)*1000, 0).UTC().Format(time.RFC3339)
	case "messageSet":
		return // always an empty list
	}
	v.SetString(text)
	f.values = append(f.values, text)
}
