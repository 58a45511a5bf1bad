package snapshot

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// checkBucket checks that the bucket is in the session's region, that the caller
// has access to it, and that it exists or can be created.
func (s *S3Import) checkBucket(ctx context.Context) error {
	answer, err := s.S3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(s.Bucket)})
	if err == nil {
		return s.checkRegion(aws.ToString(answer.BucketRegion))
	}
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok {
		return fmt.Errorf("look up bucket %s: %w", s.Bucket, err)
	}
	switch response.HTTPStatusCode() {
	case http.StatusNotFound:
		if s.CreateBucket {
			return nil
		}
		return fmt.Errorf("look up bucket: {Bucket} is %q, and there is no such bucket: create it in %s, or set {CreateBucket}", s.Bucket, s.Region)
	case http.StatusMovedPermanently, http.StatusBadRequest:
		if region := response.Response.Header.Get("X-Amz-Bucket-Region"); region != "" {
			return s.checkRegion(region)
		}
	case http.StatusForbidden:
		return fmt.Errorf("look up bucket: {Bucket} is %q, and AWS refuses access to it: allow s3:ListBucket, or use a bucket of your account: %w", s.Bucket, err)
	}
	return fmt.Errorf("look up bucket %s: %w", s.Bucket, err)
}

func (s *S3Import) checkRegion(region string) error {
	if region == "" || region == s.Region {
		return nil
	}
	return fmt.Errorf("look up bucket: {Bucket} is %q, which is in %s: VM Import reads only buckets in the region of the snapshot, so use one in %s", s.Bucket, region, s.Region)
}

// makeBucket creates the bucket unless it exists.
func (s *S3Import) makeBucket(ctx context.Context, ledger *cloud.Ledger) error {
	if id, err := (bucket{s}).Find(ctx); err != nil || id != "" {
		return err
	}
	input := &s3.CreateBucketInput{Bucket: aws.String(s.Bucket)}
	if s.Region != "us-east-1" { // which S3 accepts only by omission
		input.CreateBucketConfiguration = &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(s.Region)}
	}
	_, err := ledger.Create(ctx, bucket{s}, func(sent *cloud.Attempts) (string, error) {
		_, err := s.S3.CreateBucket(ctx, input, sent.OnS3)
		return bucketID(s.Bucket), err
	})
	if cloud.HasCode(err, "BucketAlreadyOwnedByYou") {
		return nil // another build has been faster
	}
	s.created = err == nil
	return err
}

// bucket is the ledger's view of a bucket that a build creates.
type bucket struct{ *S3Import }

func bucketID(name string) string { return "s3://" + name }

func (b bucket) Session() *cloud.Session { return b.S3Import.Session }

func (b bucket) Describe(string) string {
	return fmt.Sprintf("%s (aws s3 rb --region %s --force %[1]s)", bucketID(b.Bucket), b.Region)
}

func (b bucket) Find(ctx context.Context) (string, error) {
	_, err := b.S3.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: aws.String(b.Bucket)})
	if cloud.HasCode(err, "NotFound", "NoSuchBucket") {
		return "", nil
	}
	return bucketID(b.Bucket), err
}

// Remove removes the bucket unless it has objects: those of other builds.
func (b bucket) Remove(ctx context.Context, _ string) error {
	_, err := b.S3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: aws.String(b.Bucket)})
	switch {
	case cloud.HasCode(err, "NoSuchBucket"):
		return cloud.ErrGone
	case cloud.HasCode(err, "BucketNotEmpty"):
		return cloud.ErrInUse
	}
	return err
}
