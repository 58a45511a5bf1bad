package publish

import (
	"strings"
	"testing"
)

type block = map[string]any

func TestPrepare(t *testing.T) {
	var c Config
	if err := c.Prepare(block{"ami_users": []string{"111122223333"}, "ssm_parameters": []string{"/{{ .Family }}/{{ .Environment }}/{{ .Region }}"}}); err != nil {
		t.Fatal(err)
	}
	if c.SSMDataType != "aws:ec2:image" || c.RequireSmokeTest.False() || c.SSMParameters[0] != "/{{ .Family }}/{{ .Environment }}/{{ .Region }}" {
		t.Errorf("%+v", c)
	}
}

func TestPrepareErrors(t *testing.T) {
	for _, test := range []struct {
		name    string
		options block
		want    []string
	}{
		{"nothing", nil, []string{"nothing to publish"}},
		{"permissions", block{"ami_users": []string{"me"}, "ami_groups": []string{"us"}, "ami_org_arns": []string{"o-1"}, "ami_ou_arns": []string{"ou-1"},
			"snapshot_users": []string{"you"}, "snapshot_groups": []string{"them"}},
			[]string{`ami_users contains "me"`, `ami_groups contains "us"`, `ami_org_arns contains "o-1"`, `ami_ou_arns contains "ou-1"`,
				`snapshot_users contains "you"`, `snapshot_groups contains "them"`}},
		{"parameters", block{"ssm_data_type": "ami", "ssm_parameters": []string{"/a b", "/aws/x", "/{{ .Nothing }}", "/x/{{ .Name }}", "/x/web-1"}},
			[]string{`ssm_data_type is "ami"`, `ssm_parameters contains "/a b"`, "Amazon reserves", "Nothing", "the same name as another: /x/web-1"}},
		{"template", block{"ssm_parameters": []string{"/{{ .Region"}}, []string{"ssm_parameters", "unclosed action"}},
		{"prune", block{"prune": block{"keep_releases": -1}}, []string{"they can't be negative"}},
		{"dry run", block{"prune": block{"dry_run": true}}, []string{"prune sets neither keep_releases nor keep_days"}},
		{"ids", block{"manifest": "m", "ami_ids": map[string]string{"us-east-1": "ami-1"}}, []string{`ami_ids has "ami-1" for us-east-1`}},
		{"an unknown option", block{"manifest": "m", "ami_user": "x"}, []string{"ami_user"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := new(Config).Prepare(test.options)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}

// What the build will produce isn't checked before.
func TestPrepareWithUnknownValues(t *testing.T) {
	if err := new(Config).Prepare(block{"manifest": "m", "ami_ids": map[string]string{"us-east-1": "<unknown>"}, "ami_users": []string{"<unknown>"}}); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	n := names{Region: "eu-west-1", Architecture: "x86_64", Name: "web-1", Family: "web"}
	got, err := n.render([]string{"/{{ .Family }}/{{ .Architecture }}/{{ .Region }}", "/{{ .Name }}"})
	if err != nil || strings.Join(got, " ") != "/web/x86_64/eu-west-1 /web-1" {
		t.Errorf("%v, error %v", got, err)
	}
	_, err = n.render([]string{"/{{ .Environment }}", "/{{ .Version }}"})
	for _, want := range []string{"the AMI has no environment", "set release_version"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
