// Package image implements EC2's images, which are AMIs and Amazon's PV-GRUB
// kernels, and the EC2 side of snapshots.
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
	failed    = "failed" // a copy that can't be made
)

// machine is the type of images that instances are launched from; the other is
// "kernel".
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

	imageType, description string
	location, rootType     string
	owner, ownerAlias      string
	ena                    bool
	permissions            permissions
	sriov, boot, imds, tpm string
	created, usable        time.Time
	deprecation            time.Time // zero for none
	protection             protection
	productCodes           []productCode
	fails                  bool   // it never becomes usable
	sourceID, sourceRegion string // of a copy
}

// State returns the image's state at a given time.
func (img *Image) State(now time.Time) string {
	switch {
	case now.Before(img.usable):
		return Pending
	case img.fails:
		return failed
	}
	return Available
}

// RequiresIMDSv2 reports whether instances of the image require version 2 of the
// metadata service by default.
func (img *Image) RequiresIMDSv2() bool { return img.imds == "v2.0" }

// IsMachine reports whether instances can be launched from the image. Otherwise
// it is a kernel.
func (img *Image) IsMachine() bool { return img.imageType == machine }

// Root returns the mapping of the root device.
func (img *Image) Root() Mapping {
	i := slices.IndexFunc(img.Mappings, func(m Mapping) bool { return isRoot(img.RootDevice, m.Device) })
	return img.Mappings[i] // RegisterImage requires one
}

// Encrypted reports whether a volume of the image is encrypted.
func (img *Image) Encrypted() bool {
	return slices.ContainsFunc(img.Mappings, func(m Mapping) bool { return m.encrypted })
}

// Images are the images of all regions. The caller must hold EC2's lock.
type Images struct {
	acct      *account.Account
	pending   time.Duration // from RegisterImage until an image is available
	copy      CopyOptions
	snapshots *snapshot.Store
	regions   map[string]*region
}

// region has the images of one region.
type region struct {
	images       map[string]*Image
	deregistered map[string]bool
	shared       map[string]permissions // of snapshots, by id
	publicAccess string                 // state of block public access
	copies       map[string]copied      // CopyImage client tokens
}

// New returns the images of all regions, which are Amazon's kernels. A
// registered image is pending for the given time.
func New(acct *account.Account, snapshots *snapshot.Store, pending time.Duration, copies CopyOptions) *Images {
	s := &Images{acct, pending, copies, snapshots, map[string]*region{}}
	for _, name := range regions.Names() {
		s.regions[name] = &region{
			images: pvGrubImages(name), deregistered: map[string]bool{}, shared: map[string]permissions{}, publicAccess: unblocked, copies: map[string]copied{},
		}
	}
	return s
}

// Actions returns the actions on images and snapshots.
func (s *Images) Actions() []map[string]query.Action {
	return []map[string]query.Action{
		s.imageActions(), s.registerActions(), s.copyActions(), s.attributeActions(), s.deprecationActions(), s.protectionActions(), s.publicAccessActions(),
		s.snapshotActions(), s.snapshotAttributeActions(), s.encryptionActions(),
	}
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

// Find returns an image that callers can see.
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

// Deregistered reports whether an image was deregistered.
func (s *Images) Deregistered(region, id string) bool { return s.regions[region].deregistered[id] }

// KernelName returns the name of a kernel, or an empty string if there is no
// such kernel.
func (s *Images) KernelName(region, id string) string {
	if img := s.regions[region].images[id]; img != nil {
		return img.Name
	}
	return ""
}

// IsOwn reports whether the account owns an image.
func (s *Images) IsOwn(img *Image) bool { return img.owner == s.acct.ID }

// imageItem is an image in DescribeImages.
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
	ProductCodes    []productCode  `xml:"productCodes>item"`
	Mappings        []deviceItem   `xml:"blockDeviceMapping>item"`
	Virtualization  string         `xml:"virtualizationType"`
	Hypervisor      string         `xml:"hypervisor"`
	Ena             bool           `xml:"enaSupport,omitempty"`
	Sriov           string         `xml:"sriovNetSupport,omitempty"`
	Boot            string         `xml:"bootMode,omitempty"`
	Imds            string         `xml:"imdsSupport,omitempty"`
	Tpm             string         `xml:"tpmSupport,omitempty"`
	Deprecation     string         `xml:"deprecationTime,omitempty"`
	Protection      string         `xml:"deregistrationProtection"`
	SourceID        string         `xml:"sourceImageId,omitempty"`
	SourceRegion    string         `xml:"sourceImageRegion,omitempty"`
	Reason          *stateReason   `xml:"stateReason"`
	Tags            []resource.Tag `xml:"tagSet>item"`
}

// stateReason says why an image has failed.
type stateReason struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

func (i imageItem) TagList() []resource.Tag { return i.Tags }

func newImageItem(img *Image, now time.Time) imageItem {
	item := imageItem{
		ID: img.ID, Location: img.location, State: img.State(now), OwnerID: img.owner, OwnerAlias: img.ownerAlias,
		CreationDate: img.created.UTC().Format(query.TimeFormat), Public: img.permissions.public(), Architecture: img.Architecture, Type: img.imageType,
		KernelID: img.Kernel, Name: img.Name, Description: img.description, PlatformDetails: "Linux/UNIX",
		UsageOperation: "RunInstances", RootDeviceType: img.rootType, RootDeviceName: img.RootDevice,
		Virtualization: img.Virtualization, Hypervisor: "xen", Ena: img.ena, Sriov: img.sriov, Boot: img.boot,
		Imds: img.imds, Tpm: img.tpm, Deprecation: img.deprecationTime(), Protection: img.protection.state(now),
		ProductCodes: img.productCodes, SourceID: img.sourceID, SourceRegion: img.sourceRegion, Tags: img.Tags.List(),
	}
	if item.State == failed {
		item.Reason = &stateReason{"Client.InternalError", "Client.InternalError: the copy of a snapshot failed"}
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

// readDescribeImages returns a function that reports whether an image is
// requested.
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
	images := s.regions[c.Region].images
	return func(i imageItem) bool {
		mayRun := len(executable) == 0 || images[i.ID].permissions.grants(executable, s.acct.ID)
		return (len(ids) == 0 || slices.Contains(ids, i.ID)) && owned(i.OwnerID, i.OwnerAlias) && mayRun && matches(i)
	}, nil
}

// Using returns the ids of a region's images that use a snapshot.
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

// Visible returns the images that callers can see, sorted by id.
func (s *Images) Visible(region string) []*Image {
	return resource.Visible(s.acct.Now(), s.regions[region].images)
}

// Info describes an image that was not deregistered.
type Info struct {
	ID             string            `json:"id"`
	State          string            `json:"state"` // pending, available or failed
	Name           string            `json:"name"`
	Architecture   string            `json:"architecture"`
	Virtualization string            `json:"virtualization"`
	KernelID       string            `json:"kernel_id,omitempty"`
	Snapshots      []string          `json:"snapshots"`
	Tags           map[string]string `json:"tags,omitempty"`
	Created        time.Time         `json:"created"`
}

// Inspect describes the images that callers registered in a region, oldest
// first, including those that callers can't see yet.
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
