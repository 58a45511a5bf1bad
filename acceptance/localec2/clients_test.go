package localec2

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

// debian returns a Debian program, before any of the same name that comes
// earlier in the PATH (a version manager's aws is another program).
func debian(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath("/usr/bin/" + name); err == nil {
		return path
	}
	return oracle.Need(t, name)
}

// aws runs awscli and returns what it prints.
func (l *lab) aws(path string, args ...string) (string, error) {
	cmd := exec.Command(path, append([]string{"--endpoint-url", l.URL(), "--output", "json"}, args...)...)
	cmd.Env = append(os.Environ(), l.Env()...)
	cmd.Env = append(cmd.Env, "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_MAX_ATTEMPTS=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestAWSCLI goes the whole way with Debian's awscli.
func TestAWSCLI(t *testing.T) {
	path := debian(t, "aws")
	l := start(t, Options{})
	run := func(args ...string) string {
		t.Helper()
		out, err := l.aws(path, args...)
		if err != nil {
			t.Fatalf("aws %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.Trim(strings.TrimSpace(out), `"`)
	}
	if got := run("sts", "get-caller-identity", "--query", "Account"); got != "123456789012" {
		t.Errorf("account %s", got)
	}
	aki := run("ec2", "describe-images", "--owners", "amazon", "--filters", "Name=name,Values=pv-grub-hd0_1.05-x86_64.gz", "--query", "Images[0].ImageId")
	snap := uploadByCLI(t, run)
	ami := run("ec2", "register-image", "--name", "cli", "--architecture", "x86_64", "--virtualization-type", "paravirtual", "--kernel-id", aki,
		"--root-device-name", "/dev/sda1", "--block-device-mappings", "DeviceName=/dev/sda1,Ebs={SnapshotId="+snap+",VolumeSize=2,VolumeType=gp2}", "--query", "ImageId")
	run("ec2", "create-tags", "--resources", ami, "--tags", "Key=Environment,Value=dev")
	run("ec2", "wait", "image-available", "--image-ids", ami)
	got := run("ec2", "describe-images", "--image-ids", ami, "--query",
		"Images[0].[VirtualizationType,KernelId,Architecture,RootDeviceName,BlockDeviceMappings[0].Ebs.SnapshotId,Tags[0].Value,State]")
	var fields []string
	if err := json.Unmarshal([]byte(got), &fields); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if diff := cmp.Diff([]string{"paravirtual", aki, "x86_64", "/dev/sda1", snap, "dev", "available"}, fields); diff != "" {
		t.Errorf("describe-images (-want +got):\n%s", diff)
	}
	out, err := l.aws(path, "ec2", "delete-snapshot", "--snapshot-id", snap)
	if err == nil || !strings.Contains(out, "(InvalidSnapshot.InUse)") {
		t.Errorf("delete-snapshot of a snapshot in use: %s", out)
	}
	run("ec2", "deregister-image", "--image-id", ami)
	run("ec2", "delete-snapshot", "--snapshot-id", snap)
	if left := l.Resources(); len(left) != 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// uploadByCLI makes a completed snapshot of one block.
func uploadByCLI(t *testing.T, run func(...string) string) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "block")
	if err := os.WriteFile(data, content('z'), 0o600); err != nil {
		t.Fatal(err)
	}
	snap := run("ebs", "start-snapshot", "--volume-size", "1", "--tags", "Key=Name,Value=disk", "--query", "SnapshotId")
	run("ebs", "put-snapshot-block", "--snapshot-id", snap, "--block-index", "5", "--data-length", "524288",
		"--block-data", data, "--checksum", *checksum(content('z')), "--checksum-algorithm", "SHA256")
	run("ebs", "complete-snapshot", "--snapshot-id", snap, "--changed-blocks-count", "1")
	run("ec2", "wait", "snapshot-completed", "--snapshot-ids", snap)
	return snap
}

// boto3Script calls every action once, and some that must be refused.
const boto3Script = `
import base64, datetime, hashlib, json, os, urllib.parse, boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.exceptions import ClientError
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.httpsession import URLLib3Session
kw = dict(endpoint_url=os.environ["AWS_ENDPOINT_URL"], region_name="eu-west-1", config=Config(retries={"max_attempts": 0}))
ec2, ebs, sts = (boto3.client(s, **kw) for s in ("ec2", "ebs", "sts"))
assert sts.get_caller_identity()["Account"] == "123456789012"
def newer(action, **params):
    """Calls an action that Debian's boto3 doesn't know."""
    body = urllib.parse.urlencode(dict(params, Action=action, Version="2016-11-15"))
    request = AWSRequest("POST", os.environ["AWS_ENDPOINT_URL"] + "/", data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(boto3.Session().get_credentials(), "ec2", "eu-west-1").add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    assert answer.status_code == 200 and b"<return>true</return>" in answer.content, answer.content
aki = ec2.describe_images(Owners=["amazon"], Filters=[{"Name": "name", "Values": ["pv-grub-hd0_1.05-i386.gz"]}])["Images"][0]["ImageId"]
snap = ebs.start_snapshot(VolumeSize=1, Tags=[{"Key": "a", "Value": "b"}])["SnapshotId"]
digests = b""
for i in range(3):
    data = bytes([i + 1]) * 524288
    digest = hashlib.sha256(data).digest()
    digests += digest
    sum = base64.b64encode(digest).decode()
    out = ebs.put_snapshot_block(SnapshotId=snap, BlockIndex=i * 2, BlockData=data, DataLength=len(data), Checksum=sum, ChecksumAlgorithm="SHA256")
    assert out["Checksum"] == sum
linear = base64.b64encode(hashlib.sha256(digests).digest()).decode()
ebs.complete_snapshot(SnapshotId=snap, ChangedBlocksCount=3, Checksum=linear, ChecksumAlgorithm="SHA256", ChecksumAggregationMethod="LINEAR")
ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snap])
for block in ebs.list_snapshot_blocks(SnapshotId=snap)["Blocks"]:
    got = ebs.get_snapshot_block(SnapshotId=snap, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"])
    assert got["BlockData"].read() == bytes([block["BlockIndex"] // 2 + 1]) * 524288
child = ebs.start_snapshot(VolumeSize=1, ParentSnapshotId=snap)["SnapshotId"]
ebs.complete_snapshot(SnapshotId=child, ChangedBlocksCount=0)
assert ebs.list_changed_blocks(FirstSnapshotId=snap, SecondSnapshotId=child)["ChangedBlocks"] == []
kind = dict(Architecture="i386", VirtualizationType="paravirtual", KernelId=aki, RootDeviceName="/dev/sda1",
            BlockDeviceMappings=[{"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snap}}])
ami = ec2.register_image(Name="boto3", **kind)["ImageId"]
ec2.get_waiter("image_available").wait(ImageIds=[ami])
ec2.create_tags(Resources=[ami, snap], Tags=[{"Key": "Name", "Value": "x"}])
assert {t["ResourceId"] for t in ec2.describe_tags(Filters=[{"Name": "key", "Values": ["Name"]}])["Tags"]} == {ami, snap}
ec2.delete_tags(Resources=[ami], Tags=[{"Key": "Name"}])
assert ec2.describe_images(ImageIds=[ami])["Images"][0]["Tags"] == []
pages = ec2.get_paginator("describe_snapshots").paginate(OwnerIds=["self"], PaginationConfig={"PageSize": 5})
assert {s["SnapshotId"] for p in pages for s in p["Snapshots"]} == {snap, child}
assert "eu-west-1" in [r["RegionName"] for r in ec2.describe_regions()["Regions"]]
assert "m1.small" in [t["InstanceType"] for t in ec2.describe_instance_types()["InstanceTypes"]]
assert len(ec2.describe_availability_zones()["AvailabilityZones"]) == 3
def refused(code, status, call, **args):
    try:
        call(**args)
    except ClientError as e:
        got = e.response["Error"]["Code"], e.response["ResponseMetadata"]["HTTPStatusCode"]
        assert got == (code, status), got
        assert e.response["ResponseMetadata"]["RequestId"]
    else:
        raise AssertionError(code + " expected")
refused("InvalidAMIName.Duplicate", 400, ec2.register_image, Name="boto3", **kind)
refused("DryRunOperation", 412, ec2.describe_images, DryRun=True)
refused("InvalidSnapshot.InUse", 400, ec2.delete_snapshot, SnapshotId=snap)
refused("ValidationException", 400, ebs.complete_snapshot, SnapshotId=snap, ChangedBlocksCount=3)
refused("ResourceNotFoundException", 404, ebs.complete_snapshot, SnapshotId="snap-12345678", ChangedBlocksCount=0)
offers = ec2.describe_instance_type_offerings(LocationType="region", Filters=[{"Name": "instance-type", "Values": ["m1.*"]}])["InstanceTypeOfferings"]
assert {o["InstanceType"] for o in offers} == {"m1.small", "m1.medium", "m1.large", "m1.xlarge"}, offers
vpc = ec2.create_vpc(CidrBlock="10.0.7.9/16")["Vpc"]
assert vpc["CidrBlock"] == "10.0.0.0/16"
vpc = vpc["VpcId"]
ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone="eu-west-1b")["Subnet"]["SubnetId"]
ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
found = ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]
assert found["MapPublicIpOnLaunch"] and found["AvailableIpAddressCount"] == 251 and found["AvailabilityZone"] == "eu-west-1b"
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
assert ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"][0]["Attachments"][0]["VpcId"] == vpc
table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
assert ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)["Return"]
group = ec2.create_security_group(GroupName="web", Description="test", VpcId=vpc)["GroupId"]
web = [{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
made = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=web)["SecurityGroupRules"]
assert made[0]["FromPort"] == 80 and made[0]["CidrIpv4"] == "0.0.0.0/0" and not made[0]["IsEgress"]
ec2.authorize_security_group_ingress(GroupId=group, IpProtocol="udp", FromPort=53, ToPort=53, CidrIp="10.0.0.0/8")
ec2.authorize_security_group_egress(GroupId=group, IpPermissions=web)
ec2.revoke_security_group_egress(GroupId=group, IpPermissions=web)
ec2.revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[made[0]["SecurityGroupRuleId"]])
shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
assert [(p["IpProtocol"], p["FromPort"]) for p in shown["IpPermissions"]] == [("udp", 53)], shown
assert [p["IpProtocol"] for p in shown["IpPermissionsEgress"]] == ["-1"], shown
assert not ec2.get_ebs_encryption_by_default()["EbsEncryptionByDefault"]
assert ec2.get_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
assert ec2.enable_ebs_encryption_by_default()["EbsEncryptionByDefault"]
key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
assert ec2.modify_ebs_default_kms_key_id(KmsKeyId=key)["KmsKeyId"] == key
secret = ebs.start_snapshot(VolumeSize=4)
assert secret["KmsKeyArn"] == key, secret
secret = secret["SnapshotId"]
ebs.complete_snapshot(SnapshotId=secret, ChangedBlocksCount=0)
ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[secret])
shown = ec2.describe_snapshots(SnapshotIds=[secret])["Snapshots"][0]
assert shown["Encrypted"] and shown["KmsKeyId"] == key, shown
assert ec2.reset_ebs_default_kms_key_id()["KmsKeyId"] == "alias/aws/ebs"
assert not ec2.disable_ebs_encryption_by_default()["EbsEncryptionByDefault"]
disks = ec2.register_image(Name="disks", Architecture="x86_64", VirtualizationType="hvm", RootDeviceName="/dev/sda1", BlockDeviceMappings=[
    {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": snap, "VolumeType": "gp3", "VolumeSize": 8, "Iops": 4000, "Throughput": 250, "DeleteOnTermination": False}},
    {"DeviceName": "/dev/sdf", "Ebs": {"SnapshotId": secret, "VolumeType": "io2", "Iops": 400, "DeleteOnTermination": True}},
    {"DeviceName": "/dev/sdg", "Ebs": {"VolumeType": "st1", "VolumeSize": 125, "Encrypted": True}},
    {"DeviceName": "/dev/sdh", "VirtualName": "ephemeral0"}, {"DeviceName": "/dev/sdi", "NoDevice": ""}])["ImageId"]
root, data, cold, ephemeral, none = ec2.describe_images(ImageIds=[disks])["Images"][0]["BlockDeviceMappings"]
assert root["Ebs"] == {"SnapshotId": snap, "VolumeType": "gp3", "VolumeSize": 8, "Iops": 4000, "Throughput": 250, "DeleteOnTermination": False, "Encrypted": False}, root
assert data["Ebs"] == {"SnapshotId": secret, "VolumeType": "io2", "VolumeSize": 4, "Iops": 400, "DeleteOnTermination": True, "Encrypted": True, "KmsKeyId": key}, data
assert cold["Ebs"]["Encrypted"] and ephemeral["VirtualName"] == "ephemeral0" and none["NoDevice"] == "", (cold, ephemeral, none)
ec2.modify_image_attribute(ImageId=disks, Attribute="productCodes", ProductCodes=["abc123"])
shown = ec2.describe_image_attribute(ImageId=disks, Attribute="productCodes")["ProductCodes"]
assert shown == [{"ProductCodeId": "abc123", "ProductCodeType": "marketplace"}], shown
assert ec2.describe_images(Filters=[{"Name": "product-code", "Values": ["abc123"]}])["Images"][0]["ImageId"] == disks
mapped = ec2.describe_image_attribute(ImageId=disks, Attribute="blockDeviceMapping")["BlockDeviceMappings"]
assert mapped == [root, data, cold, ephemeral, none], mapped
newer("EnableImageDeregistrationProtection", ImageId=disks, WithCooldown="false")
refused("OperationNotPermitted", 400, ec2.deregister_image, ImageId=disks)
newer("DisableImageDeregistrationProtection", ImageId=disks)
ec2.deregister_image(ImageId=disks)
ec2.delete_snapshot(SnapshotId=secret)
instance = ec2.run_instances(ImageId=ami, InstanceType="m1.small", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[group], PrivateIpAddress="10.0.0.7",
                             UserData="hello", TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "x"}]},
                                                {"ResourceType": "network-interface", "Tags": [{"Key": "Name", "Value": "card"}]}])["Instances"][0]["InstanceId"]
ec2.get_waiter("instance_running").wait(InstanceIds=[instance])
found = ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
assert found["PrivateIpAddress"] == "10.0.0.7" and found["PublicIpAddress"].startswith("127.0.0.") and found["Tags"][0]["Value"] == "x", found
card = ec2.describe_network_interfaces(Filters=[{"Name": "attachment.instance-id", "Values": [instance]}])["NetworkInterfaces"][0]
assert card["PrivateIpAddress"] == "10.0.0.7" and card["TagSet"][0]["Value"] == "card" and card["Attachment"]["DeleteOnTermination"], card
assert found["BlockDeviceMappings"][0]["Ebs"]["DeleteOnTermination"], found
assert ec2.describe_instance_status(InstanceIds=[instance])["InstanceStatuses"][0]["InstanceState"]["Name"] == "running"
assert "-no-instances" in ec2.get_console_output(InstanceId=instance)["Output"]
assert found["MetadataOptions"]["HttpTokens"] == "optional" and found["Placement"]["Tenancy"] == "default" and not found["EbsOptimized"], found
refused("DependencyViolation", 400, ec2.delete_security_group, GroupId=group)
def signed(**parameters):  # Debian's boto3 is older than these actions
    request = AWSRequest("POST", kw["endpoint_url"], data={"Version": "2016-11-15", **parameters})
    SigV4Auth(boto3.Session().get_credentials(), "ec2", "eu-west-1").add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    assert answer.status_code == 200, answer.text
    return answer.text
assert "<return>true</return>" in signed(Action="ModifyInstanceMetadataDefaults", HttpTokensEnforced="enabled")
assert "<httpTokensEnforced>enabled</httpTokensEnforced>" in signed(Action="GetInstanceMetadataDefaults")
again = dict(ImageId=ami, InstanceType="m1.small", MinCount=1, MaxCount=1, SubnetId=subnet, Placement={"Tenancy": "dedicated"})
refused("UnsupportedOperation", 400, ec2.run_instances, **again)
second = ec2.run_instances(MetadataOptions={"HttpTokens": "required", "HttpPutResponseHopLimit": 2, "InstanceMetadataTags": "enabled"}, **again)["Instances"][0]
assert second["MetadataOptions"]["HttpTokens"] == "required" and second["MetadataOptions"]["HttpPutResponseHopLimit"] == 2, second
assert second["Placement"]["Tenancy"] == "dedicated", second
ec2.terminate_instances(InstanceIds=[second["InstanceId"]])
signed(Action="ModifyInstanceMetadataDefaults", HttpTokensEnforced="disabled")
refused("Unsupported", 400, ec2.run_instances, **{**again, "EbsOptimized": True})
refused("InvalidHostID.NotFound", 400, ec2.run_instances, **{**again, "Placement": {"HostId": "h-0123456789abcdef0"}})
assert ec2.describe_instance_types(InstanceTypes=["m1.large"])["InstanceTypes"][0]["EbsInfo"]["EbsOptimizedSupport"] == "supported"
ec2.reboot_instances(InstanceIds=[instance])
ec2.stop_instances(InstanceIds=[instance])
ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance])
ec2.start_instances(InstanceIds=[instance])
ec2.terminate_instances(InstanceIds=[instance])
ec2.get_waiter("instance_terminated").wait(InstanceIds=[instance])
ec2.delete_security_group(GroupId=group)
ec2.delete_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
ec2.delete_internet_gateway(InternetGatewayId=gateway)
ec2.delete_subnet(SubnetId=subnet)
ec2.delete_vpc(VpcId=vpc)
assert [v["CidrBlock"] for v in ec2.describe_vpcs()["Vpcs"]] == ["172.31.0.0/16"]
sharing(ec2, refused, ami, snap)
parameters(boto3.client("ssm", **kw), refused, ami)
tokyo = boto3.client("ec2", **dict(kw, region_name="ap-northeast-1"))
args = dict(Name="copy", SourceImageId=ami, SourceRegion="eu-west-1", CopyImageTags=True, ClientToken="once", Encrypted=True, KmsKeyId="alias/copies")
copy = tokyo.copy_image(**args)["ImageId"]
assert tokyo.copy_image(**args)["ImageId"] == copy
refused("IdempotentParameterMismatch", 400, tokyo.copy_image, **dict(args, Name="other"))
tokyo.get_waiter("image_available").wait(ImageIds=[copy])
found = tokyo.describe_images(ImageIds=[copy])["Images"][0]
volume = found["BlockDeviceMappings"][0]["Ebs"]
assert found["KernelId"] == "aki-f975a998" and volume["Encrypted"] and volume["SnapshotId"] != snap, found
copied = tokyo.describe_snapshots(SnapshotIds=[volume["SnapshotId"]])["Snapshots"][0]
assert copied["KmsKeyId"] == "arn:aws:kms:ap-northeast-1:123456789012:alias/copies" and copied["State"] == "completed", copied
tokyo.deregister_image(ImageId=copy)
tokyo.delete_snapshot(SnapshotId=volume["SnapshotId"])
sharing(ec2, refused, ami, snap)
parameters(boto3.client("ssm", **kw), refused, ami)
templates(ec2, refused, ami)
ec2.deregister_image(ImageId=ami)
ec2.delete_snapshot(SnapshotId=snap)
ec2.delete_snapshot(SnapshotId=child)
def keys(answer):
    k = answer["Credentials"]
    return dict(kw, aws_access_key_id=k["AccessKeyId"], aws_secret_access_key=k["SecretAccessKey"], aws_session_token=k["SessionToken"])
arn = "arn:aws:iam::123456789012:role/"
refused("AccessDenied", 403, sts.assume_role, RoleArn=arn + "mfa-packer", RoleSessionName="ci")
refused("ValidationError", 400, sts.get_session_token, SerialNumber="arn:aws:iam::123456789012:mfa/localec2", TokenCode="abcdef")
session = boto3.client("sts", **keys(sts.get_session_token(SerialNumber="arn:aws:iam::123456789012:mfa/localec2", TokenCode="123456")))
role = session.assume_role(RoleArn=arn + "mfa-packer", RoleSessionName="ci", DurationSeconds=900)
assert role["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/mfa-packer/ci"
assert 890 < (role["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)).total_seconds() < 901
assert boto3.client("sts", **keys(role)).get_caller_identity()["Arn"] == role["AssumedRoleUser"]["Arn"]
web = sts.assume_role_with_web_identity(RoleArn=arn + "denied-web", RoleSessionName="ci", WebIdentityToken="localec2")
try:
    boto3.client("ec2", **keys(web)).describe_regions()
except ClientError as e:
    assert e.response["Error"]["Code"] == "UnauthorizedOperation", e
    encoded = str(e).split("failure message: ")[1]
assert json.loads(sts.decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])["context"]["action"] == "ec2:DescribeRegions"
print("all well")
`

// TestBoto3 runs the script above with Debian's boto3.
func TestBoto3(t *testing.T) {
	python := debian(t, "python3")
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		oracle.Missing(t, "python3-boto3 is not installed")
	}
	l := start(t, Options{NoInstances: true, ImportTime: time.Second})
	cmd := exec.Command(python, "-c", boto3Sharing+boto3Parameters+boto3Templates+boto3Script+boto3Imports)
	cmd.Env = append(os.Environ(), l.Env()...)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "all well\nall imported") {
		t.Errorf("%v\n%s", err, out)
	}
	called := map[string]bool{}
	for _, c := range l.Calls() {
		called[c.Action] = true
	}
	for _, svc := range l.services {
		for _, action := range svc.Protocol.Actions() {
			if !called[action] && !slices.Contains(newerThanBoto3, action) {
				t.Errorf("the script does not call %s %s", svc.Name, action)
			}
		}
	}
	if left := l.Resources(); len(left) != 0 {
		t.Errorf("left behind: %+v", left)
	}
}
