package localec2

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

const (
	paravirtual = "paravirtual"
	hvm         = "hvm"
)

// image is an AMI of the account, or one of Amazon's kernels.
type image struct {
	id, name, description    string
	kind                     string // "machine" or "kernel"
	architecture             string
	virtualization           string
	kernel                   string
	location                 string
	owner, ownerAlias        string
	public                   bool
	rootType, rootDevice     string
	mappings                 []mapping
	ena                      bool
	sriov, boot, imds, tpm   string
	tags                     tagSet
	created, visible, usable time.Time
}

// state is the image's state at a time.
func (img *image) state(now time.Time) string {
	if now.Before(img.usable) {
		return pending
	}
	return "available"
}

var imageActions = map[string]action{
	"DescribeImages": {
		params: []string{"ImageId", "Owner", "ExecutableBy", "Filter", "MaxResults", "NextToken", "IncludeDeprecated", "IncludeDisabled"},
		run:    (*Server).describeImages,
	},
}

var imageID = regexp.MustCompile(`^(ami|aki|ari)-([0-9a-f]{8}|[0-9a-f]{17})$`)

// findImage finds an image that callers can see.
func (s *Server) findImage(c *call, id string) (*image, error) {
	if !imageID.MatchString(id) {
		return nil, bad("InvalidAMIID.Malformed", `Invalid id: "%s" (expecting "ami-...")`, id)
	}
	img := s.regions[c.region].images[id]
	if img == nil || s.opts.Now().Before(img.visible) {
		return nil, bad("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
	}
	return img, nil
}

// imageItem is an image as DescribeImages shows it.
type imageItem struct {
	ID              string       `xml:"imageId"`
	Location        string       `xml:"imageLocation"`
	State           string       `xml:"imageState"`
	OwnerID         string       `xml:"imageOwnerId"`
	OwnerAlias      string       `xml:"imageOwnerAlias,omitempty"`
	CreationDate    string       `xml:"creationDate"`
	Public          bool         `xml:"isPublic"`
	Architecture    string       `xml:"architecture"`
	Type            string       `xml:"imageType"`
	KernelID        string       `xml:"kernelId,omitempty"`
	Name            string       `xml:"name"`
	Description     string       `xml:"description,omitempty"`
	PlatformDetails string       `xml:"platformDetails"`
	UsageOperation  string       `xml:"usageOperation"`
	RootDeviceType  string       `xml:"rootDeviceType"`
	RootDeviceName  string       `xml:"rootDeviceName,omitempty"`
	Mappings        []deviceItem `xml:"blockDeviceMapping>item"`
	Virtualization  string       `xml:"virtualizationType"`
	Hypervisor      string       `xml:"hypervisor"`
	Ena             bool         `xml:"enaSupport,omitempty"`
	Sriov           string       `xml:"sriovNetSupport,omitempty"`
	Boot            string       `xml:"bootMode,omitempty"`
	Imds            string       `xml:"imdsSupport,omitempty"`
	Tpm             string       `xml:"tpmSupport,omitempty"`
	Protection      string       `xml:"deregistrationProtection"`
	Tags            []tag        `xml:"tagSet>item"`
}

func (i imageItem) tagList() []tag { return i.Tags }

func newImageItem(img *image, now time.Time) imageItem {
	item := imageItem{
		ID: img.id, Location: img.location, State: img.state(now), OwnerID: img.owner, OwnerAlias: img.ownerAlias,
		CreationDate: img.created.UTC().Format(ec2Time), Public: img.public, Architecture: img.architecture, Type: img.kind,
		KernelID: img.kernel, Name: img.name, Description: img.description, PlatformDetails: "Linux/UNIX",
		UsageOperation: "RunInstances", RootDeviceType: img.rootType, RootDeviceName: img.rootDevice,
		Virtualization: img.virtualization, Hypervisor: "xen", Ena: img.ena, Sriov: img.sriov, Boot: img.boot,
		Imds: img.imds, Tpm: img.tpm, Protection: "disabled", Tags: img.tags.tagList(),
	}
	for _, m := range img.mappings {
		item.Mappings = append(item.Mappings, m.item())
	}
	return item
}

type describeImagesResponse struct {
	response
	Images    []imageItem `xml:"imagesSet>item"`
	NextToken string      `xml:"nextToken,omitempty"`
}

func (s *Server) describeImages(c *call) (any, error) {
	wanted, err := s.readDescribeImages(c)
	if err != nil {
		return nil, err
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	now := s.opts.Now()
	var found []imageItem
	for _, img := range slices.SortedFunc(maps.Values(s.regions[c.region].images), func(a, b *image) int { return cmp.Compare(a.id, b.id) }) {
		if item := newImageItem(img, now); !now.Before(img.visible) && wanted(item) {
			found = append(found, item)
		}
	}
	out := &describeImagesResponse{}
	out.Images, out.NextToken, err = page(s, c, paging{1, 1000, "ImageId"}, found, func(i imageItem) string { return i.ID })
	return out, err
}

// readDescribeImages reads what a request asks for.
func (s *Server) readDescribeImages(c *call) (func(imageItem) bool, error) {
	matches, err := imageFilters.read(c.form)
	if err != nil {
		return nil, err
	}
	ids := c.form.texts("ImageId")
	c.resource = strings.Join(ids, ",")
	for _, id := range ids {
		if _, err := s.findImage(c, id); err != nil {
			return nil, err
		}
	}
	owned, err := s.ownerTest(c.form.texts("Owner"))
	if err != nil {
		return nil, err
	}
	executable := c.form.texts("ExecutableBy")
	return func(i imageItem) bool {
		// Nobody has been given a launch permission: "all" is Amazon's images,
		// and no image is shared with an account by name.
		mayRun := len(executable) == 0 || slices.Contains(executable, "all") && i.Public
		return (len(ids) == 0 || slices.Contains(ids, i.ID)) && owned(i.OwnerID, i.OwnerAlias) && mayRun && matches(i)
	}, nil
}

var accountID = regexp.MustCompile(`^\d{12}$`)

// ownerTest returns whether an owner is one of those asked for; all are where
// none is.
func (s *Server) ownerTest(owners []string) (func(id, alias string) bool, error) {
	for _, o := range owners {
		if !accountID.MatchString(o) && !slices.Contains([]string{"self", "amazon", "aws-marketplace", "aws-backup-vault"}, o) {
			return nil, bad("InvalidUserID.Malformed", `Invalid user id: "%s"`, o)
		}
	}
	return func(id, alias string) bool {
		return len(owners) == 0 || slices.Contains(owners, id) || alias != "" && slices.Contains(owners, alias) ||
			id == s.opts.Account && slices.Contains(owners, "self")
	}, nil
}

// namesAccount reports whether a list of accounts names the caller's.
func (s *Server) namesAccount(users []string) bool {
	return slices.Contains(users, "self") || slices.Contains(users, s.opts.Account)
}

// imagesOf lists the images of a region that need a snapshot.
func (s *Server) imagesOf(region, snapshot string) []string {
	var ids []string
	for id, img := range s.regions[region].images {
		if slices.ContainsFunc(img.mappings, func(m mapping) bool { return m.snapshot == snapshot }) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
