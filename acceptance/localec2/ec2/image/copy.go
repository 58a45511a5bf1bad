package image

import (
	"maps"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// CopyOptions configures CopyImage.
type CopyOptions struct {
	Pending time.Duration // from CopyImage until a copy is available
	Limit   int           // copies to one region that are pending at a time
}

// copied is what a client token is bound to.
type copied struct {
	request string // the whole request
	imageID string
}

func (s *Images) copyActions() map[string]query.Action {
	return map[string]query.Action{
		"CopyImage": {
			Params: []string{"SourceImageId", "SourceRegion", "Name", "Description", "ClientToken", "Encrypted", "KmsKeyId",
				"CopyImageTags", "TagSpecification", "SnapshotCopyCompletionDurationMinutes"},
			Run: s.copyImage,
		},
	}
}

type copyImageResponse struct {
	query.Response
	ImageID string `xml:"imageId"`
}

func (s *Images) copyImage(c *query.Call) (any, error) {
	state, token := s.regions[c.Region], c.Form.Text("ClientToken")
	if earlier, used := state.copies[token]; used && token != "" {
		c.Resource = earlier.imageID
		if earlier.request != string(c.Body) {
			return nil, api.Bad("IdempotentParameterMismatch", "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).")
		}
		return &copyImageResponse{ImageID: earlier.imageID}, nil
	}
	r, err := s.readCopy(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if s.copying(c.Region) >= s.copy.Limit {
		return nil, api.Bad("ResourceLimitExceeded", "Too many snapshot copies in progress. The limit is %d for this destination region.", s.copy.Limit)
	}
	img := s.newCopy(c.Region, r)
	state.images[img.ID] = img
	if token != "" {
		state.copies[token] = copied{string(c.Body), img.ID}
	}
	c.Resource = img.ID
	return &copyImageResponse{ImageID: img.ID}, nil
}

// copying returns the number of pending copies to a region.
func (s *Images) copying(region string) int {
	n := 0
	for _, img := range s.regions[region].images {
		if img.sourceID != "" && img.State(s.acct.Now()) == Pending {
			n++
		}
	}
	return n
}

// copyRequest is a CopyImage request that passed all checks.
type copyRequest struct {
	source             *Image
	region             string // of the source
	name, description  string
	imageTags, volTags resource.TagSet
	encrypted          bool
	kmsKey             string // an ARN, or empty for the key of the source
	fails              bool
}

func (s *Images) readCopy(c *query.Call) (*copyRequest, error) {
	r := &copyRequest{description: c.Form.Text("Description")}
	for _, read := range []func(*query.Call, *copyRequest) error{s.readSource, s.readCopyTags, readDuration, s.readEncryption} {
		if err := read(c, r); err != nil {
			return nil, err
		}
	}
	name, err := s.freeName(c)
	r.name = name
	return r, err
}

// readSource finds the source. EC2's errors are known for an image that doesn't
// exist and for one that has no storage to read (InvalidRequest).
func (s *Images) readSource(c *query.Call, r *copyRequest) (err error) {
	if r.region, err = c.Form.Need("SourceRegion"); err != nil {
		return err
	}
	id, err := c.Form.Need("SourceImageId")
	if err != nil {
		return err
	}
	if regions.Partition(r.region) != regions.Partition(c.Region) {
		return api.Bad("InvalidParameterValue", "Invalid source region: '%s'", r.region)
	}
	if r.source, err = s.Find(r.region, id); err != nil {
		return err
	}
	switch {
	case !r.source.IsMachine():
		return api.Bad("InvalidRequest", "The storage for the ami is not available in the source Region.")
	case r.source.State(s.acct.Now()) != Available:
		return api.Bad("InvalidAMIID.Unavailable", "The image ID '%s' is in the state %s", id, r.source.State(s.acct.Now()))
	case r.source.Virtualization == Paravirtual && !regions.PV(c.Region):
		return api.Bad("UnsupportedOperation", "Paravirtual images are not supported in the region %s", c.Region)
	}
	return nil
}

// readCopyTags reads the tags of the new image and its snapshots. Specified tags
// take precedence over copied ones.
func (s *Images) readCopyTags(c *query.Call, r *copyRequest) error {
	copyTags, err := c.Form.Flag("CopyImageTags", false)
	if err != nil {
		return err
	}
	sets, err := query.TagSpecifications(c.Form, imageType.Name, "snapshot")
	if err != nil {
		return err
	}
	r.imageTags, r.volTags = resource.TagSet{}, resource.TagSet{}
	if copyTags {
		maps.Copy(r.imageTags, r.source.Tags)
	}
	maps.Copy(r.imageTags, sets[imageType.Name])
	maps.Copy(r.volTags, sets["snapshot"])
	if len(r.imageTags) > resource.MaxTags {
		return api.Bad("TagLimitExceeded", "You have reached the maximum number of tags on a resource: %d", resource.MaxTags)
	}
	return nil
}

// readDuration checks the duration of a time-based copy: 15 minutes to 48 hours
// in steps of 15 (CopyImage). It has no effect here.
func readDuration(c *query.Call, _ *copyRequest) error {
	const name = "SnapshotCopyCompletionDurationMinutes"
	minutes, err := c.Form.Number(name)
	if err == nil && c.Form.Has(name) && (minutes < 15 || minutes > 2880 || minutes%15 != 0) {
		err = api.Bad("InvalidParameterValue", "Invalid value '%d' for %s. It must be a multiple of 15 from 15 to 2880.", minutes, query.LowerFirst(name))
	}
	return err
}

// readEncryption reads Encrypted and KmsKeyId. As on AWS, keys are checked only
// while the copy is pending: one of another region makes the copy fail.
func (s *Images) readEncryption(c *query.Call, r *copyRequest) (err error) {
	if r.encrypted, err = c.Form.Flag("Encrypted", false); err != nil {
		return err
	}
	key := c.Form.Text("KmsKeyId")
	r.encrypted = r.encrypted || key == "" && s.encryption(c.Region).ByDefault
	if key != "" && !r.encrypted {
		return api.Bad("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	partition := regions.Partition(c.Region)
	prefix := "arn:" + partition + ":kms:" + c.Region + ":" + s.acct.ID + ":"
	switch {
	case key == "":
		r.kmsKey = s.encryption(c.Region).DefaultKey(c.Region, s.acct.ID)
	case strings.HasPrefix(key, "arn:"):
		r.kmsKey = key
		r.fails = !strings.HasPrefix(key, "arn:"+partition+":kms:"+c.Region+":")
	case strings.HasPrefix(key, "alias/"):
		r.kmsKey = prefix + key
	default:
		r.kmsKey = prefix + "key/" + key
	}
	r.fails = r.fails || c.EndPending
	return nil
}

// newCopy makes the copy, with snapshots of its own.
func (s *Images) newCopy(region string, r *copyRequest) *Image {
	img := *r.source
	img.Common = resource.Common{ID: resource.NewID("ami-"), Tags: r.imageTags, Visible: s.acct.Visible()}
	img.Name, img.location = r.name, s.acct.ID+"/"+r.name
	if r.description != "" {
		img.description = r.description
	}
	img.owner, img.ownerAlias = s.acct.ID, ""
	img.permissions, img.protection, img.deprecation = nil, protection{}, time.Time{}
	img.created = s.acct.Now()
	img.usable, img.fails = img.created.Add(s.copy.Pending), r.fails
	img.sourceID, img.sourceRegion = r.source.ID, r.region
	img.Kernel = s.equivalentKernel(r.region, r.source.Kernel, region)
	img.Mappings = nil
	for _, m := range r.source.Mappings {
		img.Mappings = append(img.Mappings, s.copyVolume(region, r, img.ID, m))
	}
	return &img
}

// equivalentKernel returns the kernel of the same name in another region, or the
// source's own id if there is none: instances of such a copy don't boot (Amazon
// EC2 User Guide, "Copy an AMI").
func (s *Images) equivalentKernel(from, id, to string) string {
	name := s.KernelName(from, id)
	for _, kernel := range s.regions[to].images {
		if !kernel.IsMachine() && name != "" && kernel.Name == name {
			return kernel.ID
		}
	}
	return id
}

// copyVolume copies the snapshot of a block device.
func (s *Images) copyVolume(region string, r *copyRequest, imageID string, m Mapping) Mapping {
	if m.Snapshot == "" {
		return m
	}
	now := s.acct.Now()
	sn := &snapshot.Snapshot{
		Common: resource.Common{ID: resource.NewID("snap-"), Tags: maps.Clone(r.volTags), Visible: s.acct.Visible()},
		Description: "Copied for DestinationAmi " + imageID + " from SourceAmi " + r.source.ID +
			" for SourceSnapshot " + m.Snapshot + ". Task created on " + now.UTC().Format(time.RFC3339) + ".",
		Encrypted: r.encrypted || m.encrypted, Started: now, Touched: now, Sealed: true, Completes: now.Add(s.copy.Pending), Fails: r.fails,
	}
	if sn.Encrypted {
		sn.KMSKey = r.kmsKey
	}
	s.snapshots.Copy(r.region, m.Snapshot, region, sn)
	m.Snapshot, m.encrypted, m.kmsKey = sn.ID, sn.Encrypted, sn.KMSKey
	return m
}
