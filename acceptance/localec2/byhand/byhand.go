// Package byhand creates AMIs of any bytes, without the checks of a builder. It
// is for tests of what comes after the build.
package byhand

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Register creates a paravirtual AMI of a disk's bytes in us-east-1 of the EC2
// at an endpoint, with PV-GRUB as its kernel, and returns its id.
func Register(ctx context.Context, endpoint string, disk []byte) (string, error) {
	const region, pvgrub = "us-east-1", "aki-5c21674b"
	keys := credentials.NewStaticCredentialsProvider("AKIATEST", "secret", "")
	snapshot, err := upload(ctx, ebs.New(ebs.Options{Region: region, BaseEndpoint: &endpoint, Credentials: keys}), disk)
	if err != nil {
		return "", err
	}
	client := ec2.New(ec2.Options{Region: region, BaseEndpoint: &endpoint, Credentials: keys})
	answer, err := client.RegisterImage(ctx, &ec2.RegisterImageInput{
		Name: aws.String("by hand"), Architecture: types.ArchitectureValuesX8664, VirtualizationType: aws.String("paravirtual"),
		KernelId: aws.String(pvgrub), RootDeviceName: aws.String("/dev/sda1"),
		BlockDeviceMappings: []types.BlockDeviceMapping{{DeviceName: aws.String("/dev/sda1"), Ebs: &types.EbsBlockDevice{SnapshotId: &snapshot}}},
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(answer.ImageId), nil
}

// upload creates a snapshot of all blocks of a disk.
func upload(ctx context.Context, client *ebs.Client, disk []byte) (string, error) {
	const blockSize = 512 << 10
	started, err := client.StartSnapshot(ctx, &ebs.StartSnapshotInput{VolumeSize: aws.Int64(1)})
	if err != nil {
		return "", err
	}
	count := int32(0)
	for at := 0; at < len(disk); at += blockSize {
		block := make([]byte, blockSize)
		copy(block, disk[at:])
		sum := sha256.Sum256(block)
		_, err := client.PutSnapshotBlock(ctx, &ebs.PutSnapshotBlockInput{
			SnapshotId: started.SnapshotId, BlockIndex: &count, BlockData: bytes.NewReader(block), DataLength: aws.Int32(blockSize),
			Checksum: aws.String(base64.StdEncoding.EncodeToString(sum[:])), ChecksumAlgorithm: ebstypes.ChecksumAlgorithmChecksumAlgorithmSha256,
		})
		if err != nil {
			return "", fmt.Errorf("put block %d: %w", count, err)
		}
		count++
	}
	_, err = client.CompleteSnapshot(ctx, &ebs.CompleteSnapshotInput{SnapshotId: started.SnapshotId, ChangedBlocksCount: &count})
	return aws.ToString(started.SnapshotId), err
}
