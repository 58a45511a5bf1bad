package localec2

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

func (l *lab) store(name, value string, change ...func(*ssm.PutParameterInput)) error {
	in := &ssm.PutParameterInput{Name: &name, Value: &value, Type: types.ParameterTypeString}
	for _, f := range change {
		f(in)
	}
	_, err := l.ssm.PutParameter(l.ctx, in)
	return err
}

func overwrite(in *ssm.PutParameterInput) { in.Overwrite = aws.Bool(true) }
func imageData(in *ssm.PutParameterInput) { in.DataType = aws.String("aws:ec2:image") }

func (l *lab) value(name string) string {
	out, err := l.ssm.GetParameter(l.ctx, &ssm.GetParameterInput{Name: &name})
	if err != nil {
		return refusal(err)
	}
	return aws.ToString(out.Parameter.Value)
}

func TestPutParameterRefusals(t *testing.T) {
	l := start(t, Options{})
	if err := l.store("/there", "x"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what, name, value string
		change            func(*ssm.PutParameterInput)
		want              string
	}{
		{"not to be overwritten", "/there", "y", nil, "ParameterAlreadyExists 400"},
		{"another type", "/there", "y", func(in *ssm.PutParameterInput) { overwrite(in); in.Type = types.ParameterTypeStringList }, "HierarchyTypeMismatchException 400"},
		{"type unknown", "/new", "y", func(in *ssm.PutParameterInput) { in.Type = "Number" }, "UnsupportedParameterType 400"},
		{"no type", "/new", "y", func(in *ssm.PutParameterInput) { in.Type = "" }, "ValidationException 400"},
		{"data type unknown", "/new", "y", func(in *ssm.PutParameterInput) { in.DataType = aws.String("aws:ec2:kernel") }, "ValidationException 400"},
		{"no image", "/new", "y", imageData, "ValidationException 400"},
		{"no value", "/new", "", nil, "ValidationException 400"},
		{"value too long", "/new", strings.Repeat("v", 4097), nil, "ValidationException 400"},
		{"name reserved", "/aws/service/x", "y", nil, "AccessDeniedException 400"},
		{"name with a reserved prefix", "ssm-x", "y", nil, "ValidationException 400"},
		{"name relative", "a/b", "y", nil, "ValidationException 400"},
		{"name with a space", "/a b", "y", nil, "ValidationException 400"},
		{"name ends with a slash", "/a/", "y", nil, "ValidationException 400"},
		{"name too deep", strings.Repeat("/a", 16), "y", nil, "HierarchyLevelLimitExceededException 400"},
		{"name too long", "/" + strings.Repeat("a", 1000), "y", nil, "ValidationException 400"},
	} {
		t.Run(test.what, func(t *testing.T) {
			change := test.change
			if change == nil {
				change = func(*ssm.PutParameterInput) {}
			}
			wantRefusal(t, l.store(test.name, test.value, change), test.want)
		})
	}
	if all := l.Resources()["us-east-1"].Parameters; len(all) != 1 || all[0].Value != "x" || all[0].Version != 1 {
		t.Errorf("parameters %+v", all)
	}
}

// A value that is no AMI of the region is accepted, and dropped afterwards.
func TestImageParameters(t *testing.T) {
	l := start(t, Options{})
	ami := l.register("parameter", l.snapshot())
	for _, id := range []string{*ami, "ami-00000000"} {
		if err := l.store("/ami", id, imageData, overwrite); err != nil {
			t.Fatal(err)
		}
	}
	if got := l.value("/ami"); got != *ami {
		t.Errorf("the value is %s, want %s", got, *ami)
	}
	there := l.as("eu-west-1", "AKIATEST")
	if err := there.store("/ami", *ami, imageData); err != nil {
		t.Fatal(err)
	}
	if got := there.value("/ami"); got != "ParameterNotFound 400" {
		t.Errorf("in another region: %s", got)
	}
}

func TestParametersAreConsistentEventually(t *testing.T) {
	now := newClock()
	l := start(t, Options{Now: now.Now, Invisible: time.Minute})
	for i, value := range []string{"one", "two"} {
		if err := l.store("/late", value, overwrite); err != nil {
			t.Fatal(err)
		}
		if got, want := l.value("/late"), []string{"ParameterNotFound 400", "one"}[i]; got != want {
			t.Errorf("before the time %s, want %s", got, want)
		}
		now.turn(time.Minute)
		if got := l.value("/late"); got != value {
			t.Errorf("after the time %s, want %s", got, value)
		}
	}
	denied := l.as("us-east-1", DeniedKeyPrefix+"X")
	if got := denied.value("/late"); got != "AccessDeniedException 400" {
		t.Errorf("without permissions: %s", got)
	}
}
