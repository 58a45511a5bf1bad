package ssm

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

// parameter is a parameter with its versions, oldest first.
type parameter struct {
	name, kind string
	versions   []version
}

type version struct {
	number   int64
	value    string
	dataType string
	modified time.Time
	visible  time.Time // callers read this version from this time on
}

// at returns the version that callers read at a time.
func (p *parameter) at(now time.Time) (version, bool) {
	for _, v := range slices.Backward(p.versions) {
		if !now.Before(v.visible) {
			return v, true
		}
	}
	return version{}, false
}

// Limits of a standard parameter (AWS Systems Manager User Guide, "Managing
// parameter tiers", and API reference, PutParameter).
const (
	maxValue    = 4096 // characters
	maxName     = 1011 // characters, with the ARN in front of it
	maxLevels   = 15
	maxVersions = 100
)

// Data types.
const (
	textType  = "text"
	imageType = "aws:ec2:image"
)

var (
	nameCharacters = regexp.MustCompile(`^[a-zA-Z0-9_.\-/]+$`)
	imageValue     = regexp.MustCompile(`^ami-([0-9a-f]{8}|[0-9a-f]{17})$`)
	kinds          = []string{"String", "StringList"}
)

func invalid(format string, args ...any) *api.Error {
	return api.Bad("ValidationException", format, args...)
}

// checkName checks the name of a new parameter.
func (s *Service) checkName(region, name string) error {
	first := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case name == "":
		return invalid("1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1")
	case strings.HasPrefix(first, "aws") && strings.HasPrefix(name, "/"):
		return api.Bad("AccessDeniedException", "No access to reserved parameter name: %s.", name)
	case strings.HasPrefix(first, "aws"), strings.HasPrefix(first, "ssm"):
		return invalid(`Parameter name: can't be prefixed with "aws" or "ssm" (case-insensitive).`)
	case !nameCharacters.MatchString(name), strings.Contains(name, "//"), strings.HasSuffix(name, "/"):
		return invalid("Parameter name must consist of letters, digits and .-_, divided by slashes.")
	case strings.Contains(name, "/") && name[0] != '/':
		return invalid("Parameter name must be a fully qualified name.")
	case strings.Count(name, "/") > maxLevels:
		return api.Bad("HierarchyLevelLimitExceededException", "A parameter's hierarchy can have at most %d levels.", maxLevels)
	case len(s.arn(region, name)) > maxName:
		return invalid("Parameter name is too long: with its ARN it can have %d characters.", maxName)
	}
	return nil
}

func (s *Service) arn(region, name string) string {
	return "arn:" + regions.Partition(region) + ":ssm:" + region + ":" + s.acct.ID + ":parameter/" + strings.TrimPrefix(name, "/")
}

// parameterItem is a parameter in answers.
type parameterItem struct {
	Name             string
	Type             string
	Value            string
	Version          int64
	Selector         string `json:",omitempty"`
	LastModifiedDate float64
	ARN              string
	DataType         string
}

func (s *Service) item(region string, p *parameter, v version, selector string) parameterItem {
	return parameterItem{p.name, p.kind, v.value, v.number, selector, float64(v.modified.UnixMilli()) / 1000, s.arn(region, p.name), v.dataType}
}

// find returns a parameter that callers can see by its name, with an optional
// version after a colon.
func (s *Service) find(region, name string) (parameterItem, error) {
	base, selector, selected := strings.Cut(name, ":")
	p := s.parameters(region)[base]
	var v version
	seen := false
	if p != nil {
		v, seen = p.at(s.acct.Now())
	}
	if !seen {
		return parameterItem{}, api.Bad("ParameterNotFound", "")
	}
	if !selected {
		return s.item(region, p, v, ""), nil
	}
	number, err := strconv.ParseInt(selector, 10, 64)
	i := slices.IndexFunc(p.versions, func(one version) bool { return one.number == number && number <= v.number })
	if err != nil || i < 0 {
		return parameterItem{}, api.Bad("ParameterVersionNotFound", "Systems Manager could not find version %s of %s. Verify the version and try again.", selector, base)
	}
	return s.item(region, p, p.versions[i], ":"+selector), nil
}

// Info describes a parameter that was not deleted.
type Info struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	DataType string `json:"data_type"`
	Value    string `json:"value"`
	Version  int64  `json:"version"`
}

// Inspect describes a region's parameters, sorted by name, including values that
// callers can't see yet.
func (s *Service) Inspect(region string) []Info {
	s.mu.Lock()
	defer s.mu.Unlock()
	infos := []Info{}
	all := s.parameters(region)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name].versions[len(all[name].versions)-1]
		infos = append(infos, Info{name, all[name].kind, v.dataType, v.value, v.number})
	}
	return infos
}
