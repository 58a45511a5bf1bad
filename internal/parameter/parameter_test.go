package parameter_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/parameter"
)

func put(t *testing.T, s *cloud.Session, name, value string, kind types.ParameterType) {
	t.Helper()
	_, err := s.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: &name, Value: &value, Type: kind})
	if err != nil {
		t.Fatal(err)
	}
}

// values are all parameters of the server, as NAME=VALUE.
func values(server *localec2.Running) []string {
	all := []string{}
	for _, p := range server.Resources()["us-east-1"].Parameters {
		all = append(all, p.Name+"="+p.Value)
	}
	return all
}

func write(s *cloud.Session, name, value string) parameter.Write {
	return parameter.Write{Session: s, Name: name, Value: value, DataType: parameter.Text}
}

func TestApplyAndUndo(t *testing.T) {
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	put(t, s, "/a", "old", types.ParameterTypeString)
	put(t, s, "/b", "same", types.ParameterTypeString)
	plan, err := parameter.NewPlan(t.Context(), []parameter.Write{write(s, "/a", "new"), write(s, "/b", "same"), write(s, "/c", "fresh")}, true)
	if err != nil || plan.Len() != 2 {
		t.Fatalf("%d changes, error %v", plan.Len(), err)
	}
	var ledger cloud.Ledger
	if err := plan.Apply(t.Context(), &ledger); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/a=new", "/b=same", "/c=fresh"}, values(server)); diff != "" {
		t.Error(diff)
	}
	removed, err := ledger.Undo(t.Context())
	if diff := cmp.Diff([]string{"parameter /c in us-east-1", "parameter /a in us-east-1"}, removed); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if diff := cmp.Diff([]string{"/a=old", "/b=same"}, values(server)); diff != "" {
		t.Error(diff)
	}
}

// Whatever fails, Undo restores what was there.
func TestApplyIsAllOrNone(t *testing.T) {
	for _, test := range []struct{ fault, want string }{
		{"PutParameter=refuse,nth=2", "write parameter /b in us-east-1"},
		{"PutParameter=throttle,from=3,times=3", "write parameter /c in us-east-1"},
		{"PutParameter=cut-after,from=2,times=1", ""},
		{"PutParameter=cut,from=2,times=1", ""},
		{"GetParameter=refuse,from=2,times=1", "write parameter "},
	} {
		t.Run(test.fault, func(t *testing.T) {
			server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
			put(t, s, "/a", "old", types.ParameterTypeString)
			put(t, s, "/b", "old", types.ParameterTypeString)
			plan, err := parameter.NewPlan(t.Context(), []parameter.Write{write(s, "/a", "new"), write(s, "/b", "new"), write(s, "/c", "new")}, true)
			if err != nil {
				t.Fatal(err)
			}
			cloudtest.Inject(t, server, test.fault)
			var ledger cloud.Ledger
			err = plan.Apply(t.Context(), &ledger)
			if test.want != "" {
				cloudtest.WantError(t, err, test.want)
			} else if err != nil {
				t.Error(err)
			}
			if _, err := ledger.Undo(t.Context()); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{"/a=old", "/b=old"}, values(server)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPlanErrors(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	put(t, s, "/list", "x", types.ParameterTypeStringList)
	put(t, s, "/taken", "other", types.ParameterTypeString)
	_, err := parameter.NewPlan(t.Context(), []parameter.Write{write(s, "/list", "y"), write(s, "/taken", "y")}, false)
	cloudtest.WantError(t, err, "parameter /list in us-east-1 has the type StringList", "parameter /taken exists in us-east-1 with the value other")
}

// SSM accepts the id of an AMI that doesn't exist, and drops it.
func TestDroppedImage(t *testing.T) {
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	plan, err := parameter.NewPlan(t.Context(), []parameter.Write{{Session: s, Name: "/ami", Value: "ami-00000000", DataType: parameter.Image}}, false)
	if err != nil {
		t.Fatal(err)
	}
	var ledger cloud.Ledger
	cloudtest.WantError(t, plan.Apply(t.Context(), &ledger), "write parameter /ami in us-east-1", "SSM drops a value")
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	cloudtest.NothingLeft(t, server)
}

// What somebody else writes in the meantime stays.
func TestUndoLeavesValuesOfOthers(t *testing.T) {
	server, s := cloudtest.Start(t, localec2.Options{}, "us-east-1")
	plan, err := parameter.NewPlan(t.Context(), []parameter.Write{write(s, "/a", "ours")}, false)
	if err != nil {
		t.Fatal(err)
	}
	var ledger cloud.Ledger
	if err := plan.Apply(t.Context(), &ledger); err != nil {
		t.Fatal(err)
	}
	_, err = s.SSM.PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/a"), Value: aws.String("theirs"), Overwrite: aws.Bool(true)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"/a=theirs"}, values(server)); diff != "" {
		t.Error(diff)
	}
}

func TestCheckName(t *testing.T) {
	for name, good := range map[string]bool{
		"/unikernel/web/prod/ami": true, "web-ami": true, "/a.b_c-d": true, strings.Repeat("/a", 15): true,
		"": false, "/": false, "a/b": false, "/a/": false, "/a//b": false, "/a b": false, "/aws/x": false, "ssm-x": false, "/SSM": false,
		strings.Repeat("/a", 16): false, "/" + strings.Repeat("a", 900): false,
	} {
		if err := parameter.CheckName(name); (err == nil) != good {
			t.Errorf("%.30q: %v", name, err)
		}
	}
}
