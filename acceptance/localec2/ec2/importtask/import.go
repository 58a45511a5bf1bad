package importtask

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// defaultRole is the role that VM Import assumes if the request names none.
const defaultRole = "vmimport"

// formats are the formats that ImportSnapshot accepts. This server converts RAW.
var formats = []string{"RAW", "VHD", "VHDX", "VMDK"}

// request is the input of ImportSnapshot.
type request struct {
	description, format, bucket, key string
	role, kmsKey                     string
	encrypted                        bool
}

type importResponse struct {
	query.Response
	taskItem
}

func (s *Tasks) importSnapshot(c *query.Call) (any, error) {
	in, err := readRequest(c.Form)
	if err != nil {
		return nil, err
	}
	common, err := query.NewCommon(s.acct, c, taskType)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if err := s.check(c.Region, in); err != nil {
		return nil, err
	}
	token := c.Form.Text("ClientToken")
	if earlier := s.tokens[c.Region][token]; token != "" && earlier != nil {
		if earlier.request != in {
			return nil, api.Bad("IdempotentParameterMismatch", "The request uses the same client token as a previous, but non-identical request.")
		}
		return &importResponse{taskItem: s.item(earlier)}, nil
	}
	t := s.start(c, in, common)
	if token != "" {
		s.tokens[c.Region][token] = t
	}
	c.Resource = t.ID
	return &importResponse{taskItem: s.item(t)}, nil
}

// readRequest reads and checks what does not depend on anything else.
func readRequest(f *query.Form) (request, error) {
	disk := f.At("DiskContainer")
	if err := disk.Only("Description", "Format", "Url", "UserBucket"); err != nil {
		return request{}, err
	}
	in := request{
		description: f.Text("Description"), format: strings.ToUpper(disk.Text("Format")), kmsKey: f.Text("KmsKeyId"), role: cmp.Or(f.Text("RoleName"), defaultRole),
		bucket: disk.At("UserBucket").Text("S3Bucket"), key: disk.At("UserBucket").Text("S3Key"),
	}
	if url, ok := strings.CutPrefix(disk.Text("Url"), "s3://"); ok {
		in.bucket, in.key, _ = strings.Cut(url, "/")
	}
	var err error
	if in.encrypted, err = f.Flag("Encrypted", false); err != nil {
		return in, err
	}
	switch {
	case in.format == "":
		return in, api.Bad("MissingParameter", "The request must contain the parameter diskContainer.format")
	case !slices.Contains(formats, in.format):
		return in, api.Bad("InvalidParameterValue", "The disk image format %s is not supported. The formats are %s.", in.format, strings.Join(formats, ", "))
	case in.bucket == "" || in.key == "":
		return in, api.Bad("MissingParameter", "The request must contain the parameter diskContainer.userBucket or diskContainer.url")
	case in.kmsKey != "" && !in.encrypted:
		return in, api.Bad("InvalidParameterDependency", "The parameter KmsKeyId requires the parameter Encrypted to be set.")
	}
	return in, nil
}

// check checks the role and the bucket.
func (s *Tasks) check(region string, in request) error {
	if !slices.Contains(s.opts.Roles, in.role) {
		return api.Bad("InvalidParameter", "The service role %s provided does not exist or does not have sufficient permissions", in.role)
	}
	if at := s.objects.Region(in.bucket); at != "" && at != region {
		return api.Bad("InvalidParameter", "The given S3 object is not local to the region")
	}
	return nil
}

// start starts a task. The snapshot exists from now on, but callers find it when
// the task is completed. Its time begins when the object has been read, however
// long that takes: the answer to the call always shows an active task.
func (s *Tasks) start(c *query.Call, in request, common resource.Common) *task {
	if s.regions[c.Region] == nil {
		s.regions[c.Region], s.tokens[c.Region] = map[string]*task{}, map[string]*task{}
	}
	data, exists := s.objects.Object(in.bucket, in.key)
	blocks := split(data)
	now := s.acct.Now()
	t := &task{Common: common, region: c.Region, request: in, started: now, ends: now.Add(s.opts.Time), length: s.opts.Time, size: int64(len(data))}
	s.regions[c.Region][t.ID] = t
	switch {
	case !exists:
		t.failure = "ClientError: Disk validation failed [We do not have access to the given resource. Reason 404 Not Found]"
	case in.format != "RAW":
		t.failure = fmt.Sprintf("ClientError: Disk validation failed [Unsupported %s File Format]", in.format)
	case len(data) == 0:
		t.failure = "ClientError: Disk validation failed [Empty disk image]"
	case c.EndPending:
		t.failure = "ClientError: Unable to convert the disk image"
	}
	if t.failure != "" {
		t.ends = now.Add(s.opts.Time / 2)
		return t
	}
	t.snapshot = s.makeSnapshot(t, blocks)
	return t
}

// A block is one that is not all zeros.
type block struct {
	index int32
	sum   [sha256.Size]byte
	data  []byte
}

// split splits bytes into blocks, the last one padded with zeros.
func split(data []byte) []block {
	var blocks []block
	zeros := make([]byte, snapshot.BlockSize)
	for index := int32(0); len(data) > 0; index++ {
		b := block{index: index, data: make([]byte, snapshot.BlockSize)}
		data = data[copy(b.data, data):]
		if !bytes.Equal(b.data, zeros) {
			b.sum = sha256.Sum256(b.data)
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// makeSnapshot makes a snapshot of the blocks, in whole GiB.
func (s *Tasks) makeSnapshot(t *task, blocks []block) string {
	const gib = 1 << 30
	sn := &snapshot.Snapshot{
		Common:      resource.Common{ID: resource.NewID("snap-"), Tags: resource.TagSet{}, Visible: t.ends.Add(s.acct.Invisible)},
		Description: "Created by AWS-VMImport service for " + t.ID,
		SizeGiB:     (t.size + gib - 1) / gib, Encrypted: t.request.encrypted, KMSKey: t.request.kmsKey,
		Started: t.started, Sealed: true, Completes: t.ends,
	}
	if sn.Encrypted && sn.KMSKey == "" {
		sn.KMSKey = "arn:" + regions.Partition(t.region) + ":kms:" + t.region + ":" + s.acct.ID + ":alias/aws/ebs"
	}
	sn.Lineage = sn.ID
	r, unlock := s.snapshots.Lock(t.region)
	defer unlock()
	r.Add(sn, nil)
	for _, b := range blocks {
		r.Put(sn, b.index, b.sum, b.data)
	}
	return sn.ID
}

type cancelResponse struct {
	query.Response
	ID       string `xml:"importTaskId"`
	Previous string `xml:"previousState"`
	State    string `xml:"state"`
}

// cancelTask cancels an active task and deletes what it has made.
func (s *Tasks) cancelTask(c *query.Call) (any, error) {
	t, err := query.FindNamed(s.acct, c, s.regions[c.Region], taskType, "ImportTaskId")
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	status, _, _ := t.status(s.acct.Now())
	if status != active {
		return nil, api.Bad("IncorrectState", "The import task '%s' is %s and can't be canceled", t.ID, status)
	}
	t.canceled = true
	if t.snapshot != "" {
		s.snapshots.Delete(c.Region, t.snapshot)
	}
	return &cancelResponse{ID: t.ID, Previous: status, State: deleted}, nil
}
