package localec2

import (
	"net/netip"
	"net/url"
	"slices"
)

var launchActions = map[string]action{
	"RunInstances": {
		params: []string{"ImageId", "InstanceType", "MinCount", "MaxCount", "KernelId", "RamdiskId", "SubnetId", "PrivateIpAddress",
			"SecurityGroupId", "SecurityGroup", "NetworkInterface", "Placement", "UserData", "ClientToken", "TagSpecification",
			"InstanceInitiatedShutdownBehavior", "InstanceMarketOptions", "Monitoring", "MetadataOptions", "KeyName", "IamInstanceProfile", "BlockDeviceMapping"},
		run: (*Server).runInstances,
	},
}

// launch is what a RunInstances request asks for.
type launch struct {
	model   instance // each instance is a copy of it
	count   int
	private []netip.Addr
}

// launched is what a client token stands for.
type launched struct {
	fingerprint string
	instances   []*instance
}

type runInstancesResponse struct {
	response
	reservationItem
}

func (s *Server) runInstances(c *call) (any, error) {
	state := s.regions[c.region]
	token := c.form.text("ClientToken")
	mark, err := fingerprint(c)
	if err != nil {
		return nil, err
	}
	if earlier, used := state.launches[token]; used && token != "" {
		if earlier.fingerprint != mark {
			return nil, bad("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
		}
		return s.reservationOf(c, earlier.instances), nil
	}
	l, err := s.readLaunch(c)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	instances, err := s.start(c, l)
	if err != nil {
		return nil, err
	}
	if token != "" {
		state.launches[token] = launched{mark, instances}
	}
	return s.reservationOf(c, instances), nil
}

// fingerprint is a request's parameters in one order.
func fingerprint(c *call) (string, error) {
	values, err := url.ParseQuery(string(c.body))
	if err != nil {
		return "", bad("MalformedQueryString", "The query string contains a syntax error: %v", err)
	}
	return values.Encode(), nil
}

func (s *Server) reservationOf(c *call, instances []*instance) *runInstancesResponse {
	out := &runInstancesResponse{reservationItem: reservationItem{ID: instances[0].reservation, OwnerID: s.opts.Account}}
	for _, in := range instances {
		out.Instances = append(out.Instances, s.newInstanceItem(in))
	}
	c.resource = instances[0].id
	return out
}

// start makes the instances of a launch, or as many as there is room for where
// that is enough.
func (s *Server) start(c *call, l *launch) ([]*instance, error) {
	if err := s.roomFor(l.model.kind, l.count); err != nil {
		return nil, err
	}
	var public []*publicAddress
	for range l.count {
		if !l.model.wantsPublic {
			public = append(public, nil)
			continue
		}
		p, err := s.takePublic()
		if err != nil {
			for _, taken := range public {
				taken.release()
			}
			return nil, err
		}
		public = append(public, p)
	}
	var instances []*instance
	for i := range l.count {
		in := l.model
		in.id, in.tags, in.index, in.private, in.public = newID("i-"), tagSet(copyTags(in.tags)), i, l.private[i], public[i]
		in.cardTags = tagSet(copyTags(in.cardTags))
		in.console = &console{}
		s.regions[c.region].instances[in.id] = &in
		instances = append(instances, &in)
		s.powerOn(&in)
	}
	return instances, nil
}

// readLaunch reads and checks a RunInstances request.
func (s *Server) readLaunch(c *call) (*launch, error) {
	now := s.opts.Now()
	l := &launch{model: instance{
		owned:  owned{visible: now.Add(s.opts.Invisible)},
		region: c.region, reservation: newID("r-"), token: c.form.text("ClientToken"), launched: now,
	}}
	for _, read := range []func(*Server, *call, *launch) error{
		(*Server).readCount, (*Server).readLaunchImage, (*Server).readType, (*Server).readOptions,
		(*Server).readPlace, (*Server).readPrivate, (*Server).readLaunchTags,
	} {
		if err := read(s, c, l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// maxLaunch is EC2's default quota on a launch, and more than fits here.
const maxLaunch = 20

// readCount settles how many instances there will be: as many as may be, if
// there is room, and never fewer than must be.
func (s *Server) readCount(c *call, l *launch) error {
	var counts [2]int
	for i, name := range []string{"MinCount", "MaxCount"} {
		if _, err := c.form.need(name); err != nil {
			return err
		}
		n, err := c.form.number(name)
		if err != nil {
			return err
		}
		if n < 1 {
			return bad("InvalidParameterValue", "Value (%d) for parameter %s is invalid. Expecting a value greater than or equal to 1.", n, lowerFirst(name))
		}
		counts[i] = n
	}
	if counts[0] > counts[1] {
		return bad("InvalidParameterValue", "Value (%d) for parameter minCount is invalid. It must not be greater than maxCount (%d).", counts[0], counts[1])
	}
	if counts[0] > maxLaunch {
		return bad("InstanceLimitExceeded", "You have requested more instances (%d) than your current instance limit of %d allows.", counts[0], maxLaunch)
	}
	l.count = min(counts[1], maxLaunch)
	for l.count > counts[0] {
		kind, err := typeNamed(c)
		if err != nil {
			return err
		}
		if s.roomFor(kind, l.count) == nil {
			break
		}
		l.count--
	}
	return nil
}

// launchTags are what a launch can tag. Volumes and spot requests are no
// resources of this server: their tags are checked, and lost.
var launchTags = []string{"instance", "volume", "network-interface", "spot-instances-request"}

func (s *Server) readLaunchTags(c *call, l *launch) (err error) {
	byType := map[string]*form{}
	for _, spec := range c.form.list("TagSpecification") {
		kind := spec.text("ResourceType")
		if byType[kind] == nil {
			byType[kind] = &form{}
		}
		list := byType[kind].child("TagSpecification")
		list.child(string(rune('1' + len(list.kids)))).kids = spec.kids
	}
	for kind, specs := range byType {
		want := kind
		if !slices.Contains(launchTags, kind) {
			want = "instance" // refused below, as not taggable
		}
		tags, err := specifiedTags(specs, want)
		if err != nil {
			return err
		}
		switch kind {
		case "instance":
			l.model.tags = tags
		case cardKind.name:
			l.model.cardTags = tags
		}
	}
	return nil
}
