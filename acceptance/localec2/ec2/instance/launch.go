package instance

import (
	"maps"
	"net/url"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/network"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/guest"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Instances) launchActions() map[string]query.Action {
	return map[string]query.Action{
		"RunInstances": {
			Params: []string{"ImageId", "InstanceType", "MinCount", "MaxCount", "KernelId", "RamdiskId", "SubnetId", "PrivateIpAddress",
				"SecurityGroupId", "SecurityGroup", "NetworkInterface", "Placement", "UserData", "ClientToken", "TagSpecification",
				"InstanceInitiatedShutdownBehavior", "InstanceMarketOptions", "Monitoring", "MetadataOptions", "EbsOptimized", "KeyName", "IamInstanceProfile", "BlockDeviceMapping"},
			Run: s.runInstances,
		},
	}
}

// launch is the content of a RunInstances request.
type launch struct {
	model Instance // each instance is a copy of it
	count int
	place network.Placement
	tags  map[string]resource.TagSet // by type of resource
}

// launched is what a client token is bound to.
type launched struct {
	fingerprint string
	instances   []*Instance
}

type runInstancesResponse struct {
	query.Response
	reservationItem
}

func (s *Instances) runInstances(c *query.Call) (any, error) {
	state := s.regions[c.Region]
	token := c.Form.Text("ClientToken")
	mark, err := fingerprint(c)
	if err != nil {
		return nil, err
	}
	if earlier, used := state.launches[token]; used && token != "" {
		if earlier.fingerprint != mark {
			return nil, api.Bad("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
		}
		return s.reservationOf(c, earlier.instances), nil
	}
	l, err := s.readLaunch(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	instances, err := s.start(c, l)
	if err != nil {
		return nil, err
	}
	if token != "" {
		state.launches[token] = launched{mark, instances}
	}
	out := s.reservationOf(c, instances)
	for _, in := range instances {
		in.reached = in.reached || in.aborted // only now: EC2's answer shows every instance as pending
	}
	return out, nil
}

// fingerprint returns a request's parameters in a canonical order.
func fingerprint(c *query.Call) (string, error) {
	values, err := url.ParseQuery(string(c.Body))
	if err != nil {
		return "", api.Bad("MalformedQueryString", "The query string contains a syntax error: %v", err)
	}
	return values.Encode(), nil
}

func (s *Instances) reservationOf(c *query.Call, instances []*Instance) *runInstancesResponse {
	out := &runInstancesResponse{reservationItem: reservationItem{ID: instances[0].reservation, OwnerID: s.acct.ID}}
	for _, in := range instances {
		out.Instances = append(out.Instances, s.newInstanceItem(in))
	}
	c.Resource = instances[0].ID
	return out
}

// start creates and starts the instances of a launch.
func (s *Instances) start(c *query.Call, l *launch) ([]*Instance, error) {
	if err := s.roomFor(l.model.typ, l.count); err != nil {
		return nil, err
	}
	public, err := s.takePublic(l)
	if err != nil {
		return nil, err
	}
	root := l.model.image.Root()
	var instances []*Instance
	for i := range l.count {
		in := l.model
		in.ID, in.index = resource.NewID(Type.Prefix+"-"), i
		in.Tags = copyTags(l.tags[Type.Name])
		in.console = &guest.Console{}
		in.volume = &guest.Volume{Region: c.Region, Snapshot: root.Snapshot, SizeGiB: root.Size}
		in.nic = &network.Interface{
			Common: resource.Common{
				ID: network.InterfaceType.Prefix + "-" + in.suffix(), Tags: copyTags(l.tags[network.InterfaceType.Name]), Visible: in.Visible,
			},
			Subnet: l.place.Subnet, Groups: l.place.Groups, Private: l.place.Private[i], Public: public[i], Instance: in.ID, Attached: in.launched,
		}
		s.regions[c.Region].instances[in.ID] = &in
		s.networks.Attach(c.Region, in.nic)
		instances = append(instances, &in)
		if c.EndPending {
			s.endPending(&in)
		} else {
			s.powerOn(&in)
		}
	}
	return instances, nil
}

// takePublic takes public addresses for all instances of a launch, or for none.
func (s *Instances) takePublic(l *launch) ([]*network.PublicAddress, error) {
	public := make([]*network.PublicAddress, l.count)
	if !l.model.wantsPublic {
		return public, nil
	}
	for i := range public {
		p, err := s.networks.TakePublic()
		if err != nil {
			for _, taken := range public {
				taken.Release()
			}
			return nil, err
		}
		public[i] = p
	}
	return public, nil
}

// copyTags returns a copy of tags, which is never nil.
func copyTags(tags resource.TagSet) resource.TagSet {
	own := resource.TagSet{}
	maps.Copy(own, tags)
	return own
}

// readLaunch reads and checks a RunInstances request.
func (s *Instances) readLaunch(c *query.Call) (*launch, error) {
	l := &launch{model: Instance{
		Common: resource.Common{Visible: s.acct.Visible()},
		region: c.Region, reservation: resource.NewID("r-"), token: c.Form.Text("ClientToken"), launched: s.acct.Now(),
	}}
	for _, read := range []func(*query.Call, *launch) error{
		s.readCount, s.readImage, s.readType, s.readOptions, s.readEBS, s.readHost, s.readMetadata, s.readPlace, s.readTags,
	} {
		if err := read(c, l); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// readPlace reads the network of the instances.
func (s *Instances) readPlace(c *query.Call, l *launch) (err error) {
	l.place, err = s.networks.ReadPlacement(c, l.count)
	l.model.wantsPublic = l.place.WantsPublic
	return err
}

// maxLaunch is the default quota of EC2 for a launch, and more than fits on
// this machine.
const maxLaunch = 20

// readCount determines the number of instances: the maximum if there is room
// for it, and at least the minimum.
func (s *Instances) readCount(c *query.Call, l *launch) error {
	var counts [2]int
	for i, name := range []string{"MinCount", "MaxCount"} {
		if _, err := c.Form.Need(name); err != nil {
			return err
		}
		n, err := c.Form.Number(name)
		if err != nil {
			return err
		}
		if n < 1 {
			return api.Bad("InvalidParameterValue", "Value (%d) for parameter %s is invalid. Expecting a value greater than or equal to 1.", n, query.LowerFirst(name))
		}
		counts[i] = n
	}
	if counts[0] > counts[1] {
		return api.Bad("InvalidParameterValue", "Value (%d) for parameter minCount is invalid. It must not be greater than maxCount (%d).", counts[0], counts[1])
	}
	if counts[0] > maxLaunch {
		return api.Bad("InstanceLimitExceeded", "You have requested more instances (%d) than your current instance limit of %d allows.", counts[0], maxLaunch)
	}
	l.count = min(counts[1], maxLaunch)
	for l.count > counts[0] {
		t, err := typeNamed(c)
		if err != nil {
			return err
		}
		if s.roomFor(t, l.count) == nil {
			break
		}
		l.count--
	}
	return nil
}

// launchTags are the resource types that a launch can tag. Volumes and spot
// requests are not resources of this server: their tags are checked and
// discarded.
var launchTags = []string{Type.Name, "volume", network.InterfaceType.Name, "spot-instances-request"}

func (s *Instances) readTags(c *query.Call, l *launch) (err error) {
	if l.tags, err = query.TagSpecifications(c.Form, launchTags...); err != nil {
		return err
	}
	return checkMetadataTags(l.model.metadata, l.tags[Type.Name])
}
