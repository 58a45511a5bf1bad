package localec2

import (
	"maps"
	"strings"
)

var tagActions = map[string]action{
	"CreateTags":   {params: []string{"ResourceId", "Tag"}, run: (*Server).createTags},
	"DeleteTags":   {params: []string{"ResourceId", "Tag"}, run: (*Server).deleteTags},
	"DescribeTags": {params: []string{"Filter", "MaxResults", "NextToken"}, run: (*Server).describeTags},
}

// maxTagResources is how many resources one CreateTags call may name.
const maxTagResources = 1000

type describeTagsResponse struct {
	response
	Tags      []tagItem `xml:"tagSet>item"`
	NextToken string    `xml:"nextToken,omitempty"`
}

func (s *Server) describeTags(c *call) (any, error) {
	if err := dryRun(c); err != nil {
		return nil, err
	}
	matches, err := tagFilters.read(c.form)
	if err != nil {
		return nil, err
	}
	var found []tagItem
	for _, t := range s.allTags(c.region) {
		if matches(t) {
			found = append(found, t)
		}
	}
	out := &describeTagsResponse{}
	out.Tags, out.NextToken, err = page(s, c, paging{min: 5, max: 1000}, found, tagItem.id)
	return out, err
}

// createTags adds tags to every resource or, where one of them is wrong, to
// none.
func (s *Server) createTags(c *call) (any, error) {
	targets, tags, err := s.readTagging(c)
	if err != nil {
		return nil, err
	}
	if len(tags) == 0 {
		return nil, bad("InvalidParameterValue", "You must specify one or more tags to create")
	}
	added, tagErr := newTagSet(tags)
	if tagErr != nil {
		return nil, tagErr
	}
	for _, target := range targets {
		merged := maps.Clone(target)
		maps.Copy(merged, added)
		if len(merged) > maxTags {
			return nil, bad("TagLimitExceeded", "You have reached the maximum number of tags on a resource: %d", maxTags)
		}
	}
	for _, target := range targets {
		maps.Copy(target, added)
	}
	return &done{Return: true}, nil
}

// deleteTags takes tags away: a key without a value whatever its value is, a
// key with a value only where that is the value, all tags where none is named.
func (s *Server) deleteTags(c *call) (any, error) {
	targets, _, err := s.readTagging(c)
	if err != nil {
		return nil, err
	}
	named := c.form.list("Tag")
	for _, target := range targets {
		if len(named) == 0 {
			clear(target)
		}
		for _, member := range named {
			key := member.text("Key")
			if !member.has("Value") || target[key] == member.text("Value") {
				delete(target, key)
			}
		}
	}
	return &done{Return: true}, nil
}

// readTagging reads what CreateTags and DeleteTags have in common.
func (s *Server) readTagging(c *call) ([]tagSet, []tag, error) {
	ids := c.form.texts("ResourceId")
	c.resource = strings.Join(ids, ",")
	if len(ids) == 0 {
		return nil, nil, bad("MissingParameter", "The request must contain the parameter resourceIdSet")
	}
	if len(ids) > maxTagResources {
		return nil, nil, bad("InvalidParameterValue", "The request names %d resources; the limit is %d", len(ids), maxTagResources)
	}
	tags, err := readTags(c.form)
	if err != nil {
		return nil, nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, nil, err
	}
	var targets []tagSet
	for _, id := range ids {
		target, err := s.tagsOf(c, id)
		if err != nil {
			return nil, nil, err
		}
		targets = append(targets, target)
	}
	return targets, tags, nil
}

// tagsOf finds the tags of a resource of the account.
func (s *Server) tagsOf(c *call, id string) (tagSet, error) {
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case "snap":
		snap, err := s.findSnapshot(c, id)
		if err != nil {
			return nil, err
		}
		return snap.tags, nil
	case "ami", "aki", "ari":
		img, err := s.findImage(c, id)
		if err != nil {
			return nil, err
		}
		if img.owner != s.opts.Account {
			return nil, unauthorized()
		}
		return img.tags, nil
	}
	return s.ownedTags(s.regions[c.region], id)
}

// ownedTags finds the tags of an instance, or of a part of a network.
func (s *Server) ownedTags(state *regionState, id string) (tagSet, error) {
	var found resource
	var err error
	switch prefix, _, _ := strings.Cut(id, "-"); prefix {
	case instanceKind.prefix:
		found, err = find(s, state.instances, instanceKind, id)
	case groupKind.prefix:
		found, err = find(s, state.groups, groupKind, id)
	case vpcKind.prefix:
		found, err = find(s, state.vpcs, vpcKind, id)
	case subnetKind.prefix:
		found, err = find(s, state.subnets, subnetKind, id)
	case gatewayKind.prefix:
		found, err = find(s, state.gateways, gatewayKind, id)
	case routesKind.prefix:
		found, err = find(s, state.routes, routesKind, id)
	default:
		err = bad("InvalidID", "The ID '%s' is not valid", id)
	}
	if err != nil {
		return nil, err
	}
	return found.base().tags, nil
}
