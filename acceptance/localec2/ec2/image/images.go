// Package image is the images of EC2, with the snapshots that they are made of:
// AMIs and Amazon's PV-GRUB kernels.
package image

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// Virtualization types.
const (
	Paravirtual = "paravirtual"
	HVM         = "hvm"
)

// States of an image.
const (
	Pending   = "pending"
	Available = "available"
)

// machine is the kind of images that instances are launched from.
const machine = "machine"

// Image is an AMI of the account, or one of Amazon's kernels.
type Image struct {
	resource.Common
	Name           string
	Architecture   string
	Virtualization string
	Kernel         string // id of its kernel image
	RootDevice     string
	Mappings       []Mapping

	kind, description      string // kind is "machine" or "kernel"
	location, rootType     string
	owner, ownerAlias      string
	public, ena            bool
	sriov, boot, imds, tpm string
	created, usable        time.Time
}

// State is the image's state at a time.
func (img *Image) State(now time.Time) string {
	if now.Before(img.usable) {
		return Pending
	}
	return Available
}

// IsMachine reports whether instances are launched from the image: it is not a
// kernel.
func (img *Image) IsMachine() bool { return img.kind == machine }

// Root returns the mapping of the root device.
func (img *Image) Root() Mapping {
	i := slices.IndexFunc(img.Mappings, func(m Mapping) bool { return isRoot(img.RootDevice, m.Device) })
	return img.Mappings[i] // RegisterImage makes sure that there is one
}

// Images are the images of all regions. Its caller holds EC2's lock.
type Images struct {
	acct      *account.Account
	pending   time.Duration // from RegisterImage until an image is available
	snapshots *snapshot.Store
	regions   map[string]*region
}

// region is the images of one region.
type region struct {
	images       map[string]*Image
	deregistered map[string]bool
}

// New makes the images of all regions: Amazon's kernels. An image is pending
// for a while after RegisterImage.
func New(acct *account.Account, snapshots *snapshot.Store, pending time.Duration) *Images {
	s := &Images{acct, pending, snapshots, map[string]*region{}}
	for _, name := range regions.Names() {
		s.regions[name] = &region{pvGrubImages(name), map[string]bool{}}
	}
	return s
}

// Actions are the actions on images.
func (s *Images) Actions() []map[string]query.Action {
	return []map[string]query.Action{s.imageActions(), s.registerActions(), s.snapshotActions()}
}

func (s *Images) imageActions() map[string]query.Action {
	return map[string]query.Action{
		"DescribeImages": {
			Params: []string{"ImageId", "Owner", "ExecutableBy", "Filter", "MaxResults", "NextToken", "IncludeDeprecated", "IncludeDisabled"},
			Run:    s.describeImages,
		},
	}
}

var imageID = regexp.MustCompile(`^(ami|aki|ari)-([0-9a-f]{8}|[0-9a-f]{17})$`)

// Find finds an image that callers can see.
func (s *Images) Find(region, id string) (*Image, error) {
	if !imageID.MatchString(id) {
		return nil, api.Bad("InvalidAMIID.Malformed", `Invalid id: "%s" (expecting "ami-...")`, id)
	}
	img := s.regions[region].images[id]
	if img == nil || s.acct.Now().Before(img.Visible) {
		return nil, api.Bad("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
	}
	return img, nil
}

// Deregistered reports whether an image was there once.
func (s *Images) Deregistered(region, id string) bool { return s.regions[region].deregistered[id] }

// KernelName returns the name of a kernel, empty if there is no such kernel.
func (s *Images) KernelName(region, id string) string {
	if img := s.regions[region].images[id]; img != nil {
		return img.Name
	}
	return ""
}

// IsOwn reports whether the account owns an image.
func (s *Images) IsOwn(img *Image) bool { return img.owner == s.acct.ID }

// imageItem is an image as DescribeImages shows it.
type imageItem struct {
	ID              string         `xml:"imageId"`
	Location        string         `xml:"imageLocation"`
	State           string         `xml:"imageState"`
	OwnerID         string         `xml:"imageOwnerId"`
	OwnerAlias      string         `xml:"imageOwnerAlias,omitempty"`
	CreationDate    string         `xml:"creationDate"`
	Public          bool           `xml:"isPublic"`
	Architecture    string         `xml:"architecture"`
	Type            string         `xml:"imageType"`
	KernelID        string         `xml:"kernelId,omitempty"`
	Name            string         `xml:"name"`
	Description     string         `xml:"description,omitempty"`
	PlatformDetails string         `xml:"platformDetails"`
	UsageOperation  string         `xml:"usageOperation"`
	RootDeviceType  string         `xml:"rootDeviceType"`
	RootDeviceName  string         `xml:"rootDeviceName,omitempty"`
	Mappings        []deviceItem   `xml:"blockDeviceMapping>item"`
	Virtualization  string         `xml:"virtualizationType"`
	Hypervisor      string         `xml:"hypervisor"`
	Ena             bool           `xml:"enaSupport,omitempty"`
	Sriov           string         `xml:"sriovNetSupport,omitempty"`
	Boot            string         `xml:"bootMode,omitempty"`
	Imds            string         `xml:"imdsSupport,omitempty"`
	Tpm             string         `xml:"tpmSupport,omitempty"`
	Protection      string         `xml:"deregistrationProtection"`
	Tags            []resource.Tag `xml:"tagSet>item"`
}

func (i imageItem) TagList() []resource.Tag { return i.Tags }

func newImageItem(img *Image, now time.Time) imageItem {
	item := imageItem{
		ID: img.ID, Location: img.location, State: img.State(now), OwnerID: img.owner, OwnerAlias: img.ownerAlias,
		CreationDate: img.created.UTC().Format(query.TimeFormat), Public: img.public, Architecture: img.Architecture, Type: img.kind,
		KernelID: img.Kernel, Name: img.Name, Description: img.description, PlatformDetails: "Linux/UNIX",
		UsageOperation: "RunInstances", RootDeviceType: img.rootType, RootDeviceName: img.RootDevice,
		Virtualization: img.Virtualization, Hypervisor: "xen", Ena: img.ena, Sriov: img.sriov, Boot: img.boot,
		Imds: img.imds, Tpm: img.tpm, Protection: "disabled", Tags: img.Tags.List(),
	}
	for _, m := range img.Mappings {
		item.Mappings = append(item.Mappings, m.item())
	}
	return item
}

type describeImagesResponse struct {
	query.Response
	Images    []imageItem `xml:"imagesSet>item"`
	NextToken string      `xml:"nextToken,omitempty"`
}

func (s *Images) describeImages(c *query.Call) (any, error) {
	wanted, err := s.readDescribeImages(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	var found []imageItem
	for _, img := range s.Visible(c.Region) {
		if item := newImageItem(img, s.acct.Now()); wanted(item) {
			found = append(found, item)
		}
	}
	out := &describeImagesResponse{}
	out.Images, out.NextToken, err = query.Page(s.acct, c, query.Paging{Min: 1, Max: 1000, IDs: "ImageId"}, found, func(i imageItem) string { return i.ID })
	return out, err
}

// readDescribeImages reads what a request asks for.
func (s *Images) readDescribeImages(c *query.Call) (func(imageItem) bool, error) {
	matches, err := imageFilters.Read(c.Form)
	if err != nil {
		return nil, err
	}
	ids := c.Form.Texts("ImageId")
	c.Resource = strings.Join(ids, ",")
	for _, id := range ids {
		if _, err := s.Find(c.Region, id); err != nil {
			return nil, err
		}
	}
	owned, err := query.Owners(s.acct, c)
	if err != nil {
		return nil, err
	}
	executable := c.Form.Texts("ExecutableBy")
	return func(i imageItem) bool {
		// Nobody has been given a launch permission: "all" is Amazon's images,
		// and no image is shared with an account by name.
		mayRun := len(executable) == 0 || slices.Contains(executable, "all") && i.Public
		return (len(ids) == 0 || slices.Contains(ids, i.ID)) && owned(i.OwnerID, i.OwnerAlias) && mayRun && matches(i)
	}, nil
}

// Using lists the images of a region that need a snapshot.
func (s *Images) Using(region, snapshot string) []string {
	var ids []string
	for id, img := range s.regions[region].images {
		if slices.ContainsFunc(img.Mappings, func(m Mapping) bool { return m.Snapshot == snapshot }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Visible lists the images that callers can see, by id.
func (s *Images) Visible(region string) []*Image {
	return resource.Visible(s.acct.Now(), s.regions[region].images)
}

// Info describes an image that was not deregistered.
type Info struct {
	ID             string            `json:"id"`
	State          string            `json:"state"` // pending or available
	Name           string            `json:"name"`
	Architecture   string            `json:"architecture"`
	Virtualization string            `json:"virtualization"`
	KernelID       string            `json:"kernel_id,omitempty"`
	Snapshots      []string          `json:"snapshots"`
	Tags           map[string]string `json:"tags,omitempty"`
	Created        time.Time         `json:"created"`
}

// Inspect describes what callers registered in a region, oldest first, also
// what they can't see yet.
func (s *Images) Inspect(region string) []Info {
	infos := []Info{}
	for _, img := range s.regions[region].images {
		if !s.IsOwn(img) {
			continue
		}
		info := Info{
			ID: img.ID, State: img.State(s.acct.Now()), Name: img.Name, Architecture: img.Architecture,
			Virtualization: img.Virtualization, KernelID: img.Kernel, Tags: maps.Clone(img.Tags), Created: img.created,
		}
		for _, m := range img.Mappings {
			if m.Snapshot != "" {
				info.Snapshots = append(info.Snapshots, m.Snapshot)
			}
		}
		infos = append(infos, info)
	}
	slices.SortFunc(infos, func(a, b Info) int { return a.Created.Compare(b.Created) })
	return infos
}
