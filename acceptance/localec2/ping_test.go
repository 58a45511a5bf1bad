package localec2

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ping asks the server to ping an address.
func (l *lab) ping(address string) (int, string) {
	l.t.Helper()
	r := must(http.Get(l.URL() + "/_localec2/ping?address=" + address))(l.t)
	defer r.Body.Close()
	return r.StatusCode, string(must(io.ReadAll(r.Body))(l.t))
}

// TestPingWithoutGuest has every answer but the guest's.
func TestPingWithoutGuest(t *testing.T) {
	l := start(t, Options{NoInstances: true})
	in := launching(l.register("hello", l.snapshot()))
	address := *l.launch(in).PublicIpAddress
	says := func(address string, status int, text string) {
		t.Helper()
		if got, body := l.ping(address); got != status || !strings.Contains(body, text) {
			t.Errorf("%s: %d %q, want %d and %q", address, got, body, status, text)
		}
	}
	says("web", 400, "is not an address")
	says("127.0.0.250", 404, "no instance has the address 127.0.0.250")
	says(address, 403, "admits ICMP echo requests from 127.0.0.1")
	groups := must(l.ec2.DescribeSecurityGroups(l.ctx, &ec2.DescribeSecurityGroupsInput{GroupNames: []string{"default"}}))(t).SecurityGroups
	echo, code, any4, any6 := int32(8), int32(-1), "0.0.0.0/0", "::/0"
	permission := types.IpPermission{
		IpProtocol: new("icmp"), FromPort: &echo, ToPort: &code,
		IpRanges: []types.IpRange{{CidrIp: &any4}}, Ipv6Ranges: []types.Ipv6Range{{CidrIpv6: &any6}},
	}
	allow := &ec2.AuthorizeSecurityGroupIngressInput{GroupId: groups[0].GroupId, IpPermissions: []types.IpPermission{permission}}
	must(l.ec2.AuthorizeSecurityGroupIngress(l.ctx, allow))(t)
	says(address, 504, "has no running guest")
	_, err := l.ec2.AuthorizeSecurityGroupIngress(l.ctx, allow)
	wantRefusal(t, err, "InvalidPermission.Duplicate 400")
	allow.IpPermissions = []types.IpPermission{permission, permission}
	_, err = l.ec2.AuthorizeSecurityGroupIngress(l.ctx, allow)
	wantRefusal(t, err, "InvalidParameterValue 400")
}
