package localec2

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// kind is a kind of resource, and how EC2 refuses an id of it.
type kind struct {
	prefix    string // of its ids, without the dash
	name      string // as tags call it
	label     string // as the refusal calls it
	notFound  string
	malformed string
}

// The codes are of the API reference's list of errors.
var (
	instanceKind = kind{"i", "instance", "instance ID", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed"}
	groupKind    = kind{"sg", "security-group", "security group", "InvalidGroup.NotFound", "InvalidGroupId.Malformed"}
	cardKind     = kind{"eni", "network-interface", "networkInterface ID", "InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.Malformed"}
	vpcKind      = kind{"vpc", "vpc", "vpc ID", "InvalidVpcID.NotFound", "InvalidVpcId.Malformed"}
	subnetKind   = kind{"subnet", "subnet", "subnet ID", "InvalidSubnetID.NotFound", "InvalidSubnetId.Malformed"}
	gatewayKind  = kind{"igw", "internet-gateway", "internetGateway ID", "InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.Malformed"}
	routesKind   = kind{"rtb", "route-table", "routeTable ID", "InvalidRouteTableID.NotFound", "InvalidRouteTableId.Malformed"}
)

// owned is what all resources of a network and on it have: an id, tags, and the
// time from which callers see them.
type owned struct {
	id      string
	tags    tagSet
	visible time.Time
}

func (o *owned) base() *owned { return o }

type resource interface{ base() *owned }

// newOwned makes the common part of a resource, with its tags at creation.
func (s *Server) newOwned(c *call, k kind) (owned, error) {
	tags, err := specifiedTags(c.form, k.name)
	return owned{newID(k.prefix + "-"), tags, s.opts.Now().Add(s.opts.Invisible)}, err
}

var idTail = regexp.MustCompile(`^([0-9a-f]{8}|[0-9a-f]{17})$`)

// find finds a resource that callers can see.
func find[T resource](s *Server, all map[string]T, k kind, id string) (T, error) {
	var none T
	if tail, ok := strings.CutPrefix(id, k.prefix+"-"); !ok || !idTail.MatchString(tail) {
		return none, bad(k.malformed, `Invalid id: "%s" (expecting "%s-...")`, id, k.prefix)
	}
	v, ok := all[id]
	if !ok || s.opts.Now().Before(v.base().visible) {
		return none, bad(k.notFound, "The %s '%s' does not exist", k.label, id)
	}
	return v, nil
}

// findNamed finds the resource that a parameter of a request names, and notes
// it for the record.
func findNamed[T resource](s *Server, c *call, all map[string]T, k kind, parameter string) (T, error) {
	id, err := c.form.need(parameter)
	if err != nil {
		var none T
		return none, err
	}
	c.resource = id
	return find(s, all, k, id)
}

// visibleOf lists the resources that callers can see, by id.
func visibleOf[T resource](s *Server, all map[string]T) []T {
	now := s.opts.Now()
	var seen []T
	for _, v := range all {
		if !now.Before(v.base().visible) {
			seen = append(seen, v)
		}
	}
	slices.SortFunc(seen, func(a, b T) int { return strings.Compare(a.base().id, b.base().id) })
	return seen
}

// described is what Describe calls have in common: ids that must exist,
// filters, a dry run and pages. Items are given in the order of their ids.
func described[T any, R resource](s *Server, c *call, k kind, p paging, all map[string]R, filters filterTable[T], item func(R) T) ([]T, string, error) {
	matches, err := filters.read(c.form)
	if err != nil {
		return nil, "", err
	}
	ids := c.form.texts(p.ids)
	c.resource = strings.Join(ids, ",")
	for _, id := range ids {
		if _, err := find(s, all, k, id); err != nil {
			return nil, "", err
		}
	}
	if err := dryRun(c); err != nil {
		return nil, "", err
	}
	type found struct {
		id   string
		item T
	}
	var list []found
	for _, v := range visibleOf(s, all) {
		one := found{v.base().id, item(v)}
		if (len(ids) == 0 || slices.Contains(ids, one.id)) && matches(one.item) {
			list = append(list, one)
		}
	}
	list, next, err := page(s, c, p, list, func(f found) string { return f.id })
	items := make([]T, 0, len(list))
	for _, f := range list {
		items = append(items, f.item)
	}
	return items, next, err
}
