package component

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// The cloud packages know no option; the user knows nothing else.
func TestExplain(t *testing.T) {
	taken := ami.NameTakenError{Name: "web", Region: "us-east-1", ImageID: "ami-1"}
	for name, test := range map[string]struct {
		err  error
		want []string
	}{
		"a field":          {errors.New("{SubnetID} subnet-1 is not of {VPCID} vpc-1"), []string{"subnet_id subnet-1 is not of vpc_id vpc-1"}},
		"a wrapped field":  {fmt.Errorf("launch: %w", errors.New("{SpotPrice} is 0")), []string{"launch: spot_price is 0"}},
		"a name":           {fmt.Errorf("plan: %w", taken), []string{`ami_name "web" is already taken in us-east-1 by ami-1`, "{{timestamp}}"}},
		"several at once":  {errors.Join(taken, ami.NoPVError{Region: "eu-north-1"}, errors.New("{KernelID}")), []string{"ami_name", "eu-north-1", "kernel_id"}},
		"a name's rules":   {cloud.CheckName("a:"), []string{`ami_name "a:" has 2 characters`, `ami_name "a:" contains ":"`, "clean_resource_name"}},
		"no credentials":   {cloud.NoCredentialsError{Err: errors.New("none")}, []string{"find aws credentials: none: set AWS_ACCESS_KEY_ID"}},
		"two wrapped ones": {fmt.Errorf("%w: %w", errors.New("time is up"), errors.New("{ImageID}")), []string{"time is up: ami_id"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := Explain(test.err)
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
			if strings.Contains(strings.ReplaceAll(err.Error(), "{{timestamp}} or {{uuid}}", ""), "{") {
				t.Errorf("a field is left: %v", err)
			}
		})
	}
	if err := Explain(nil); err != nil {
		t.Error(err)
	}
	if !errors.Is(Explain(errors.Join(errUnreachable)), errUnreachable) {
		t.Error("the cause is lost")
	}
}
