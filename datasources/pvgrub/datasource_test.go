package pvgrub

import (
	"context"
	"strings"
	"testing"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloudtest"
)

type block = map[string]any

// found asks for the options' image, as "ID NAME VERSION".
func found(t *testing.T, s *cloud.Session, options block) (string, error) {
	t.Helper()
	d := &Datasource{connect: func(context.Context, cloud.Options) (*cloud.Session, error) { return s, nil }}
	if err := d.Configure(options); err != nil {
		t.Fatal(err)
	}
	value, err := d.Execute()
	if err != nil {
		return "", err
	}
	output := value.AsValueMap()
	return output["id"].AsString() + " " + output["name"].AsString() + " " + output["version"].AsString(), nil
}

func TestFound(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "eu-west-1")
	for _, test := range []struct {
		options block
		want    string
	}{
		{block{}, "aki-dc9ed9af pv-grub-hd0_1.05-x86_64.gz 1.05"},
		{block{"architecture": "i386"}, "aki-1c9fd86f pv-grub-hd0_1.05-i386.gz 1.05"},
		{block{"layout": "partitioned"}, "aki-dc9ed9af pv-grub-hd0_1.05-x86_64.gz 1.05"},
		{block{"layout": "partitioned", "version": "1.04"}, "aki-52a34525 pv-grub-hd0_1.04-x86_64.gz 1.04"},
		{block{"version": "1.04", "architecture": "i386"}, "aki-68a3451f pv-grub-hd0_1.04-i386.gz 1.04"},
	} {
		if got, err := found(t, s, test.options); err != nil || got != test.want {
			t.Errorf("%v: %s, error %v; want %s", test.options, got, err, test.want)
		}
	}
	_, err := found(t, s, block{"version": "1.03", "layout": "partitioned"})
	cloudtest.WantError(t, err, "look up PV-GRUB in eu-west-1: Amazon offers no image of version 1.03 for x86_64 there: use another version, or omit it")
}

func TestNotFound(t *testing.T) {
	_, s := cloudtest.Start(t, localec2.Options{}, "eu-north-1")
	_, err := found(t, s, block{})
	cloudtest.WantError(t, err, "look up PV-GRUB in eu-north-1: ", "use a region that runs PV instances")
}

// All faults are shown at once, without asking AWS.
func TestConfigureRefuses(t *testing.T) {
	err := new(Datasource).Configure(block{"architecture": "arm64", "layout": "gpt", "version": "newest"})
	for _, want := range []string{`architecture is "arm64": use x86_64 or i386`, `layout is "gpt": use whole-disk or partitioned`, `version is "newest": use two numbers`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
