package query

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// pageLife is the lifetime of an EC2 page token. AWS documents none; page
// tokens of the EBS direct APIs live for an hour.
const pageLife = time.Hour

// Paging describes how a Describe call pages: the minimum and maximum page
// size, and the parameter with ids that can't be combined with paging.
type Paging struct {
	Min, Max int
	IDs      string
}

// Page returns one page of the sorted items of a Describe call, and the token
// for the next page, empty on the last one. A token is valid for one action and
// region.
func Page[T any](a *account.Account, c *Call, p Paging, items []T, id func(T) string) ([]T, string, error) {
	size, after, err := p.read(a, c)
	if err != nil {
		return nil, "", err
	}
	start, _ := slices.BinarySearchFunc(items, after, func(v T, after string) int {
		if id(v) <= after {
			return -1
		}
		return 1
	})
	items = items[start:]
	if size == 0 || len(items) <= size {
		return items, "", nil
	}
	items = items[:size]
	next := a.Tokens.Seal("page", a.Now().Add(pageLife), c.Action, c.Region, id(items[size-1]), strconv.Itoa(size))
	return items, next, nil
}

// read returns the page size, 0 for all items, and the id after which the page
// starts.
func (p Paging) read(a *account.Account, c *Call) (size int, after string, err error) {
	size, err = c.Form.Number("MaxResults")
	if err != nil {
		return 0, "", err
	}
	if c.Form.Has("MaxResults") {
		if size < p.Min {
			return 0, "", api.Bad("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than or equal to %d.", size, p.Min)
		}
		if p.IDs != "" && c.Form.Has(p.IDs) {
			return 0, "", api.Bad("InvalidParameterCombination", "The parameter %sSet cannot be used with the parameter maxResults", LowerFirst(strings.TrimSuffix(p.IDs, "Id")))
		}
		size = min(size, p.Max)
	}
	token := c.Form.Text("NextToken")
	if token == "" {
		return size, "", nil
	}
	parts, ok := a.Tokens.Open("page", token)
	if !ok || len(parts) != 4 || parts[0] != c.Action || parts[1] != c.Region {
		return 0, "", api.Bad("InvalidPaginationToken", "The specified pagination token is not valid or is expired.")
	}
	if size == 0 {
		size, _ = strconv.Atoi(parts[3]) // sealed by Page
	}
	return size, parts[2], nil
}

// FindNamed finds the resource whose id is in a parameter of the request, and
// records it in the call.
func FindNamed[T resource.Resource](a *account.Account, c *Call, all map[string]T, rt resource.Type, parameter string) (T, error) {
	id, err := c.Form.Need(parameter)
	if err != nil {
		var none T
		return none, err
	}
	c.Resource = id
	return resource.Find(a.Now(), all, rt, id)
}

// Describe is the common part of Describe calls: ids that must exist, filters,
// dry run and pages. The items are in the order of their ids.
func Describe[T any, R resource.Resource](a *account.Account, c *Call, rt resource.Type, p Paging, all map[string]R, filters Filters[T], item func(R) T) ([]T, string, error) {
	matches, err := filters.Read(c.Form)
	if err != nil {
		return nil, "", err
	}
	ids := c.Form.Texts(p.IDs)
	c.Resource = strings.Join(ids, ",")
	for _, id := range ids {
		if _, err := resource.Find(a.Now(), all, rt, id); err != nil {
			return nil, "", err
		}
	}
	if err := c.DryRun(); err != nil {
		return nil, "", err
	}
	type found struct {
		id   string
		item T
	}
	var list []found
	for _, v := range resource.Visible(a.Now(), all) {
		one := found{v.Base().ID, item(v)}
		if (len(ids) == 0 || slices.Contains(ids, one.id)) && matches(one.item) {
			list = append(list, one)
		}
	}
	list, next, err := Page(a, c, p, list, func(f found) string { return f.id })
	items := make([]T, 0, len(list))
	for _, f := range list {
		items = append(items, f.item)
	}
	return items, next, err
}

// ownerID matches an account in a list of owners.
var ownerID = regexp.MustCompile(`^\d{12}$`)

// Owners reads the requested owners. It returns a function that reports whether
// a resource's owner is one of them. If none is requested, all are.
func Owners(a *account.Account, c *Call) (func(id, alias string) bool, error) {
	owners := c.Form.Texts("Owner")
	for _, o := range owners {
		if !ownerID.MatchString(o) && !slices.Contains([]string{"self", "amazon", "aws-marketplace", "aws-backup-vault"}, o) {
			return nil, api.Bad("InvalidUserID.Malformed", `Invalid user id: "%s"`, o)
		}
	}
	return func(id, alias string) bool {
		return len(owners) == 0 || slices.Contains(owners, id) || alias != "" && slices.Contains(owners, alias) ||
			id == a.ID && slices.Contains(owners, "self")
	}, nil
}
