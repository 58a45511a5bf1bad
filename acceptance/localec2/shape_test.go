package localec2

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// filler gives every field of a response a value of its own.
type filler struct {
	n      int
	values []string // as they look in JSON
	bools  int
}

func (f *filler) fill(v reflect.Value, name string) {
	f.n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.Type != reflect.TypeFor[response]() && (field.IsExported() || field.Anonymous) {
				f.fill(v.Field(i), field.Tag.Get("xml"))
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(v.Index(0), name)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), name)
	case reflect.Bool:
		v.SetBool(true)
		f.bools++
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(100000 + f.n))
		f.values = append(f.values, fmt.Sprint(100000+f.n))
	case reflect.String:
		f.text(v, name)
	}
}

func (f *filler) text(v reflect.Value, name string) {
	text := fmt.Sprintf("value-%d-", f.n)
	switch name {
	case "startTime", "completionTime,omitempty", "launchTime", "timestamp,omitempty", "attachTime", "ebs>attachTime":
		text = time.Unix(int64(f.n)*1000, 0).UTC().Format(time.RFC3339)
	case "messageSet":
		return // always an empty list
	}
	v.SetString(text)
	f.values = append(f.values, text)
}

// shapes are the EC2 responses that say more than "true".
var shapes = []struct {
	response any
	call     func(context.Context, *ec2.Client) (any, error)
}{
	{&describeImagesResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeImages(ctx, &ec2.DescribeImagesInput{})
	}},
	{&describeSnapshotsResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{})
	}},
	{&describeTagsResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeTags(ctx, &ec2.DescribeTagsInput{})
	}},
	{&describeRegionsResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeRegions(ctx, &ec2.DescribeRegionsInput{})
	}},
	{&describeZonesResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
	}},
	{&describeInstanceTypesResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeInstanceTypes(ctx, &ec2.DescribeInstanceTypesInput{})
	}},
	{&registerImageResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.RegisterImage(ctx, &ec2.RegisterImageInput{Name: aws.String("name")})
	}},
	{&deregisterImageResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DeregisterImage(ctx, &ec2.DeregisterImageInput{ImageId: aws.String("ami-1")})
	}},
	{&describeVPCsResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeVpcs(ctx, &ec2.DescribeVpcsInput{})
	}},
	{&createVPCResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.CreateVpc(ctx, &ec2.CreateVpcInput{CidrBlock: aws.String("10.0.0.0/16")})
	}},
	{&describeSubnetsResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeSubnets(ctx, &ec2.DescribeSubnetsInput{})
	}},
	{&createSubnetResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.CreateSubnet(ctx, &ec2.CreateSubnetInput{VpcId: aws.String("vpc-1")})
	}},
	{&describeGatewaysResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeInternetGateways(ctx, &ec2.DescribeInternetGatewaysInput{})
	}},
	{&createGatewayResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.CreateInternetGateway(ctx, &ec2.CreateInternetGatewayInput{})
	}},
	{&describeRoutesResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeRouteTables(ctx, &ec2.DescribeRouteTablesInput{})
	}},
	{&describeGroupsResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeSecurityGroups(ctx, &ec2.DescribeSecurityGroupsInput{})
	}},
	{&createGroupResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.CreateSecurityGroup(ctx, &ec2.CreateSecurityGroupInput{GroupName: aws.String("x"), Description: aws.String("x")})
	}},
	{&authorizeResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.AuthorizeSecurityGroupIngress(ctx, &ec2.AuthorizeSecurityGroupIngressInput{})
	}},
	{&describeInstancesResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
	}},
	{&runInstancesResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.RunInstances(ctx, &ec2.RunInstancesInput{MinCount: aws.Int32(1), MaxCount: aws.Int32(1)})
	}},
	{&describeInstanceStatusResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeInstanceStatus(ctx, &ec2.DescribeInstanceStatusInput{})
	}},
	{&describeOfferingsResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeInstanceTypeOfferings(ctx, &ec2.DescribeInstanceTypeOfferingsInput{})
	}},
	{&changeResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.TerminateInstances(ctx, &ec2.TerminateInstancesInput{InstanceIds: []string{"i-1"}})
	}},
	{&describeCardsResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.DescribeNetworkInterfaces(ctx, &ec2.DescribeNetworkInterfacesInput{})
	}},
	{&getConsoleResponse{}, func(ctx context.Context, c *ec2.Client) (any, error) {
		return c.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String("i-1")})
	}},
}

// TestShapes fills each response with values, has the SDK read it, and looks
// for every value in what the SDK understood: a misspelt element is lost.
func TestShapes(t *testing.T) {
	for _, test := range shapes {
		t.Run(reflect.TypeOf(test.response).Elem().Name(), func(t *testing.T) {
			f := &filler{}
			f.fill(reflect.ValueOf(test.response).Elem(), "")
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				writeXML(w, 200, xml.Name{Space: ec2Namespace, Local: "Response"}, test.response)
			}))
			defer srv.Close()
			cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: aws.AnonymousCredentials{}}
			out, err := test.call(context.Background(), ec2.NewFromConfig(cfg))
			if err != nil {
				t.Fatal(err)
			}
			seen := string(must(json.Marshal(out))(t))
			for _, value := range f.values {
				if !strings.Contains(seen, value) {
					t.Errorf("the SDK did not find %s:\n%s", value, seen)
				}
			}
			if got := strings.Count(seen, "true"); got != f.bools {
				t.Errorf("the SDK found %d booleans of %d", got, f.bools)
			}
		})
	}
}

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
