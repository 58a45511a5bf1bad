package publish

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/packer-plugin-sdk/template/interpolate"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/parameter"
)

// names are the values that the name of a parameter can use.
type names struct {
	Region       string
	Environment  string // "" if the AMI has none
	Architecture string
	Name         string // of the AMI
	Family       string // the name without the version
	Version      string // "" if the AMI's name has none, and the user set none
}

// render returns the names of the parameters in one region.
func (n names) render(templates []string) ([]string, error) {
	var all []string
	var errs []error
	for _, text := range templates {
		name, err := n.renderOne(text)
		if err == nil && slices.Contains(all, name) {
			err = fmt.Errorf("it gives the same name as another: %s", name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("ssm_parameters contains %q: %w", text, err))
			continue
		}
		all = append(all, name)
	}
	return all, errors.Join(errs...)
}

func (n names) renderOne(text string) (string, error) {
	name, err := interpolate.Render(text, &interpolate.Context{Data: n})
	if err != nil {
		return "", err
	}
	for field, missing := range map[string]struct {
		value, remedy string
	}{
		".Environment": {n.Environment, "the AMI has no environment: set environment in the source, or remove it from the template"},
		".Version":     {n.Version, "the AMI's name has no version at its end: set release_version, or remove it from the template"},
	} {
		if missing.value == "" && strings.Contains(text, field) {
			return "", errors.New(missing.remedy)
		}
	}
	return name, parameter.CheckName(name)
}
