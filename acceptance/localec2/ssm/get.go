package ssm

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

type getParameter struct {
	Name           string
	WithDecryption bool
}

type getParameterResponse struct{ Parameter parameterItem }

func (s *Service) getParameter(c *api.Call, in getParameter) (any, error) {
	c.Resource = in.Name
	item, err := s.find(c.Region, in.Name)
	return getParameterResponse{item}, err
}

// maxNames is how many parameters one request can name.
const maxNames = 10

type namesRequest struct {
	Names          []string
	WithDecryption bool
}

func (in namesRequest) check(c *api.Call) error {
	c.Resource = strings.Join(in.Names, ",")
	if n := len(in.Names); n < 1 || n > maxNames {
		return invalid("1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length between 1 and %d", maxNames)
	}
	return nil
}

type getParametersResponse struct {
	Parameters        []parameterItem
	InvalidParameters []string
}

func (s *Service) getParameters(c *api.Call, in namesRequest) (any, error) {
	if err := in.check(c); err != nil {
		return nil, err
	}
	out := getParametersResponse{[]parameterItem{}, []string{}}
	for _, name := range in.Names {
		if item, err := s.find(c.Region, name); err == nil {
			out.Parameters = append(out.Parameters, item)
		} else {
			out.InvalidParameters = append(out.InvalidParameters, name)
		}
	}
	return out, nil
}

type getParametersByPath struct {
	Path             string
	Recursive        bool
	WithDecryption   bool
	MaxResults       *int
	NextToken        string
	ParameterFilters []struct{ Key string }
}

type getParametersByPathResponse struct {
	Parameters []parameterItem
	NextToken  string `json:",omitempty"`
}

// maxPage is the largest page of GetParametersByPath, and the default.
const maxPage = 10

// pageLife is the lifetime of a page token. AWS documents none.
const pageLife = time.Hour

func (s *Service) getParametersByPath(c *api.Call, in getParametersByPath) (any, error) {
	c.Resource = in.Path
	size, after, err := s.readPage(c, in)
	if err != nil {
		return nil, err
	}
	prefix := strings.TrimSuffix(in.Path, "/") + "/"
	out := getParametersByPathResponse{Parameters: []parameterItem{}}
	for _, name := range slices.Sorted(maps.Keys(s.parameters(c.Region))) {
		rest, below := strings.CutPrefix(name, prefix)
		if !below || name <= after || !in.Recursive && strings.Contains(rest, "/") {
			continue
		}
		item, err := s.find(c.Region, name)
		if err != nil {
			continue // not visible yet
		}
		if len(out.Parameters) == size {
			out.NextToken = s.acct.Tokens.Seal("ssm", s.acct.Now().Add(pageLife), c.Region, in.Path, out.Parameters[size-1].Name)
			break
		}
		out.Parameters = append(out.Parameters, item)
	}
	return out, nil
}

// readPage returns the size of a page, and the name after which it starts.
func (s *Service) readPage(c *api.Call, in getParametersByPath) (size int, after string, err error) {
	size = maxPage
	if in.MaxResults != nil {
		size = *in.MaxResults
	}
	switch {
	case !strings.HasPrefix(in.Path, "/"):
		return 0, "", invalid("The parameter path must begin with a slash: %s", in.Path)
	case size < 1 || size > maxPage:
		return 0, "", invalid("1 validation error detected: Value '%d' at 'maxResults' failed to satisfy constraint: Member must have value between 1 and %d", size, maxPage)
	case len(in.ParameterFilters) > 0:
		return 0, "", api.Bad("InvalidFilterKey", "localec2 has no filter %s", in.ParameterFilters[0].Key)
	case in.NextToken == "":
		return size, "", nil
	}
	parts, ok := s.acct.Tokens.Open("ssm", in.NextToken)
	if !ok || len(parts) != 3 || parts[0] != c.Region || parts[1] != in.Path {
		return 0, "", api.Bad("InvalidNextToken", "The specified token isn't valid.")
	}
	return size, parts[2], nil
}
