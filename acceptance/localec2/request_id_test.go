package localec2

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// TestRequestID checks that the SDK finds the request's id, on errors too.
func TestRequestID(t *testing.T) {
	l := start(t, Options{})
	_, err := l.ec2.DeleteSnapshot(l.ctx, &ec2.DeleteSnapshotInput{SnapshotId: aws.String("snap-12345678")})
	if !strings.Contains(err.Error(), "RequestID: ") || strings.Contains(err.Error(), "RequestID: ,") {
		t.Errorf("no request id in %v", err)
	}
	l.Inject(Fault{Kind: Throttle})
	_, err = l.sts.GetCallerIdentity(l.ctx, &sts.GetCallerIdentityInput{})
	if !strings.Contains(err.Error(), "RequestID: ") || strings.Contains(err.Error(), "RequestID: ,") {
		t.Errorf("no request id in %v", err)
	}
}
