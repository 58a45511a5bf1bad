package snapshot

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// The timeout grows with the disk, within what EBS accepts.
func TestTimeout(t *testing.T) {
	for blocks, want := range map[int]int32{0: 60, 1: 60, 256: 60, 257: 120, 20480: 4320, 1 << 27: 4320} {
		if got := timeout(blocks); got != want {
			t.Errorf("%d blocks: %d minutes, want %d", blocks, got, want)
		}
	}
}

// A wait shows all that EC2 says of a snapshot's state.
func TestStatus(t *testing.T) {
	for want, s := range map[string]types.Snapshot{
		"pending":                           {State: "pending"},
		"pending (42%)":                     {State: "pending", Progress: aws.String("42%")},
		"error (99%): KMS key is not valid": {State: "error", Progress: aws.String("99%"), StateMessage: aws.String("KMS key is not valid")},
	} {
		if got := status(s); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}
