package query

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func form(t *testing.T, parameters map[string]string) *Form {
	t.Helper()
	values := url.Values{}
	for name, value := range parameters {
		values.Set(name, value)
	}
	f, err := ParseForm(values.Encode())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestLongTagLists has more members than one digit can number, in both lists.
func TestLongTagLists(t *testing.T) {
	parameters := map[string]string{}
	want := map[string]resource.TagSet{}
	var types []string
	for n := 1; n <= 12; n++ {
		name := fmt.Sprint("type", n)
		types = append(types, name)
		parameters[fmt.Sprintf("TagSpecification.%d.ResourceType", n)] = name
		want[name] = resource.TagSet{}
		for k := 1; k <= 12; k++ {
			tag := fmt.Sprintf("TagSpecification.%d.Tag.%d.", n, k)
			parameters[tag+"Key"], parameters[tag+"Value"] = fmt.Sprint("key", k), fmt.Sprint(n)
			want[name][fmt.Sprint("key", k)] = fmt.Sprint(n)
		}
	}
	got, err := TagSpecifications(form(t, parameters), types...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// TestTagSpecificationOrder has several faults in one request: the first one is
// answered, by number.
func TestTagSpecificationOrder(t *testing.T) {
	good := func(n int) map[string]string {
		return map[string]string{
			fmt.Sprintf("TagSpecification.%d.ResourceType", n): fmt.Sprint("type", n),
			fmt.Sprintf("TagSpecification.%d.Tag.1.Key", n):    "k",
		}
	}
	parameters := map[string]string{
		"TagSpecification.9.ResourceType":  "type9", // without tags
		"TagSpecification.10.ResourceType": "planet",
		"TagSpecification.10.Tag.1.Key":    "k",
		"TagSpecification.11.Tag.1.Key":    "k",
	}
	var types []string
	for n := 1; n <= 9; n++ {
		types = append(types, fmt.Sprint("type", n))
		if n < 9 {
			maps.Copy(parameters, good(n))
		}
	}
	for _, want := range []string{"InvalidTagKey.Malformed", "InvalidParameterValue", "InvalidParameter", ""} {
		_, err := TagSpecifications(form(t, parameters), types...)
		refused, _ := errors.AsType[*api.Error](err)
		code := ""
		if refused != nil {
			code = refused.Code
		}
		if code != want {
			t.Errorf("got %v, want the code %q", err, want)
		}
		switch want { // repair the fault that was answered
		case "InvalidTagKey.Malformed":
			parameters["TagSpecification.9.Tag.1.Key"] = "k"
		case "InvalidParameterValue":
			delete(parameters, "TagSpecification.10.ResourceType")
			delete(parameters, "TagSpecification.10.Tag.1.Key")
		case "InvalidParameter":
			delete(parameters, "TagSpecification.11.Tag.1.Key")
		}
	}
}
