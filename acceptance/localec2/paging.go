package localec2

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// pageLife is how long an EC2 page token lives. AWS gives no figure; the EBS
// direct APIs' page tokens live an hour.
const pageLife = time.Hour

// paging is the part of a Describe call that pages: the smallest and largest
// page AWS allows, and the parameter of ids that can't be combined with it.
type paging struct {
	min, max int
	ids      string
}

// page cuts one page out of the sorted items of a Describe call and returns
// the token for the next one, empty on the last page. A token belongs to its
// action and region.
func page[T any](s *Server, c *call, p paging, items []T, id func(T) string) ([]T, string, error) {
	size, after, err := p.read(s, c)
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
	next := s.seal("page", s.opts.Now().Add(pageLife), c.action, c.region, id(items[size-1]), strconv.Itoa(size))
	return items, next, nil
}

// read returns the page's size, 0 for all, and the id after which it starts.
func (p paging) read(s *Server, c *call) (size int, after string, err error) {
	size, err = c.form.number("MaxResults")
	if err != nil {
		return 0, "", err
	}
	if c.form.has("MaxResults") {
		if size < p.min {
			return 0, "", bad("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than or equal to %d.", size, p.min)
		}
		if p.ids != "" && c.form.has(p.ids) {
			return 0, "", bad("InvalidParameterCombination", "The parameter %sSet cannot be used with the parameter maxResults", lowerFirst(strings.TrimSuffix(p.ids, "Id")))
		}
		size = min(size, p.max)
	}
	token := c.form.text("NextToken")
	if token == "" {
		return size, "", nil
	}
	parts, ok := s.open("page", token)
	if !ok || len(parts) != 4 || parts[0] != c.action || parts[1] != c.region {
		return 0, "", bad("InvalidPaginationToken", "The specified pagination token is not valid or is expired.")
	}
	if size == 0 {
		size, _ = strconv.Atoi(parts[3]) // sealed by page
	}
	return size, parts[2], nil
}
