package snapshot

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// S3Import creates snapshots with EC2's ImportSnapshot: it uploads the disk to S3
// and has VM Import read it from there. That takes minutes, and needs a bucket and
// a role that VM Import can assume.
type S3Import struct {
	*cloud.Session

	Bucket       string
	KeyPrefix    string // of the object
	Encryption   string // of the object: "AES256" or "aws:kms"; "" for the bucket's default
	KMSKey       string // of the object, with "aws:kms"; "" for the account's default
	Role         string // that VM Import assumes
	KeepObject   bool   // doesn't remove the object after the import
	CreateBucket bool   // creates the bucket if it doesn't exist, and then removes it after the import

	// Progress, if set, is called with the number of bytes that have arrived, by one
	// goroutine at a time.
	Progress func(done, total int64)
	// Say, if set, is called with each status of the import, and with what could not
	// be removed after it.
	Say func(string)

	created bool // the bucket
}

// Create uploads the disk, has it imported, and waits until the snapshot is
// completed. The object and a bucket made for it are removed again; if anything
// fails, they are in the ledger.
func (s *S3Import) Create(ctx context.Context, request Request, ledger *cloud.Ledger) (string, error) {
	if s.CreateBucket {
		if err := s.makeBucket(ctx, ledger); err != nil {
			return "", fmt.Errorf("create bucket %s: %w", s.Bucket, err)
		}
	}
	object, err := s.upload(ctx, request, ledger)
	if err != nil {
		return "", fmt.Errorf("upload to %s: %w", object, err)
	}
	id, err := s.importObject(ctx, request, object, ledger)
	if err != nil {
		return "", fmt.Errorf("import %s: %w", object, err)
	}
	if err := s.tag(ctx, id, request.Tags); err != nil {
		return "", fmt.Errorf("tag %s: %w", id, err)
	}
	if err := await(ctx, s.Session, id, s.Waits.Snapshot); err != nil {
		return "", err
	}
	s.clean(ctx, object, ledger)
	return id, nil
}

// tag tags the snapshot, which EC2 may not know for a moment. The tags of an import
// task are not those of its snapshot, and ImportSnapshot has none for that.
func (s *S3Import) tag(ctx context.Context, id string, tags map[string]string) error {
	return s.Waits.Retry(ctx, func() (bool, error) {
		_, err := s.EC2.CreateTags(ctx, &ec2.CreateTagsInput{Resources: []string{id}, Tags: cloud.SortedTags(tags)})
		return cloud.HasCode(err, "InvalidSnapshot.NotFound") || cloud.IsTransient(err), err
	})
}

// clean removes what only the import needs. The snapshot is complete, so a failure
// is only reported.
func (s *S3Import) clean(ctx context.Context, o *object, ledger *cloud.Ledger) {
	if s.KeepObject {
		ledger.Strike(o.String())
		s.say("left in place: " + o.String())
		return
	}
	resources := []cloud.Resource{o}
	ids := []string{o.String()}
	if s.created {
		resources, ids = append(resources, bucket{s}), append(ids, bucketID(s.Bucket))
	}
	for i, r := range resources {
		var temporary cloud.Ledger
		temporary.Add(r, ids[i])
		if _, err := temporary.Undo(ctx); err != nil {
			s.say(err.Error())
		}
		ledger.Strike(ids[i])
	}
}

func (s *S3Import) say(line string) {
	if s.Say != nil {
		s.Say(line)
	}
}
