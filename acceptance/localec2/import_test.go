package localec2

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/google/go-cmp/cmp"
)

// boto3Imports continues boto3Script: it calls every action of S3 that the server
// has, and imports a snapshot.
const boto3Imports = `
kw["config"] = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"})
s3, iam = boto3.client("s3", **kw), boto3.client("iam", **kw)
there = dict(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
refused("IllegalLocationConstraintException", 400, s3.create_bucket, Bucket="disks")
s3.create_bucket(Bucket="disks", **there)
refused("BucketAlreadyOwnedByYou", 409, s3.create_bucket, Bucket="disks", **there)
assert s3.head_bucket(Bucket="disks")["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "eu-west-1"
refused("404", 404, s3.head_bucket, Bucket="nosuchbucket")
assert s3.get_bucket_location(Bucket="disks")["LocationConstraint"] == "eu-west-1"
elsewhere = boto3.client("s3", **dict(kw, region_name="us-east-1"))
assert [b["Name"] for b in elsewhere.list_buckets()["Buckets"]] == ["disks"]
s3.put_object(Bucket="disks", Key="a b/c", Body=b"small", ServerSideEncryption="AES256")
head = s3.head_object(Bucket="disks", Key="a b/c")
assert head["ContentLength"] == 5 and head["ServerSideEncryption"] == "AES256", head
assert s3.get_object(Bucket="disks", Key="a b/c")["Body"].read() == b"small"
assert [o["Key"] for o in s3.list_objects_v2(Bucket="disks")["Contents"]] == ["a b/c"]
assert [o["Key"] for o in s3.list_objects(Bucket="disks", Prefix="a")["Contents"]] == ["a b/c"]
part = bytes(range(256)) * (6 << 12)
up = s3.create_multipart_upload(Bucket="disks", Key="disk.raw")["UploadId"]
tags = []
for n in (1, 2):
    tags.append({"PartNumber": n, "ETag": s3.upload_part(Bucket="disks", Key="disk.raw", UploadId=up, PartNumber=n, Body=part)["ETag"]})
assert [u["UploadId"] for u in s3.list_multipart_uploads(Bucket="disks")["Uploads"]] == [up]
assert len(s3.list_parts(Bucket="disks", Key="disk.raw", UploadId=up)["Parts"]) == 2
s3.complete_multipart_upload(Bucket="disks", Key="disk.raw", UploadId=up, MultipartUpload={"Parts": tags})
up = s3.create_multipart_upload(Bucket="disks", Key="never")["UploadId"]
s3.abort_multipart_upload(Bucket="disks", Key="never", UploadId=up)
role = iam.get_role(RoleName="vmimport")["Role"]
assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"] == "vmie.amazonaws.com", role
refused("NoSuchEntity", 404, iam.get_role, RoleName="nobody")
raw = {"Format": "RAW", "UserBucket": {"S3Bucket": "disks", "S3Key": "disk.raw"}}
tag = [{"ResourceType": "import-snapshot-task", "Tags": [{"Key": "Name", "Value": "x"}]}]
refused("DryRunOperation", 412, ec2.import_snapshot, DryRun=True, DiskContainer=raw)
refused("InvalidParameter", 400, ec2.import_snapshot, DiskContainer=raw, RoleName="nobody")
made = ec2.import_snapshot(DiskContainer=raw, ClientToken="t", Description="disk", TagSpecifications=tag)
task = made["ImportTaskId"]
assert made["SnapshotTaskDetail"]["Status"] == "active" and made["Tags"][0]["Value"] == "x", made
assert ec2.import_snapshot(DiskContainer=raw, ClientToken="t", Description="disk", TagSpecifications=tag)["ImportTaskId"] == task
refused("IdempotentParameterMismatch", 400, ec2.import_snapshot, DiskContainer=raw, ClientToken="t")
import time
done = {"Status": "active"}
for _ in range(600):
    if done["Status"] != "active": break
    time.sleep(0.1)
    done = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])["ImportSnapshotTasks"][0]["SnapshotTaskDetail"]
snap = done["SnapshotId"]
assert done["Status"] == "completed" and done["DiskImageSize"] == len(part) * 2, done
found = ec2.describe_snapshots(SnapshotIds=[snap])["Snapshots"][0]
assert found["State"] == "completed" and found["VolumeSize"] == 1 and found.get("Tags", []) == [], found
whole = bytearray(1 << 30)
for block in ebs.list_snapshot_blocks(SnapshotId=snap)["Blocks"]:
    got = ebs.get_snapshot_block(SnapshotId=snap, BlockIndex=block["BlockIndex"], BlockToken=block["BlockToken"])
    whole[block["BlockIndex"] << 19:block["BlockIndex"] + 1 << 19] = got["BlockData"].read()
assert whole[:len(part) * 2] == part * 2 and whole.count(b"\0", len(part) * 2) == len(whole) - len(part) * 2
refused("IncorrectState", 400, ec2.cancel_import_task, ImportTaskId=task)
other = ec2.import_snapshot(DiskContainer=raw)["ImportTaskId"]
assert ec2.cancel_import_task(ImportTaskId=other)["PreviousState"] == "active"
vhd = ec2.import_snapshot(DiskContainer=dict(raw, Format="VHD"))["ImportTaskId"]
for _ in range(600):
    states = {t["ImportTaskId"]: t["SnapshotTaskDetail"] for t in ec2.describe_import_snapshot_tasks()["ImportSnapshotTasks"]}
    if "active" not in [t["Status"] for t in states.values()]: break
    time.sleep(0.1)
assert states[other]["Status"] == "deleted" and states[vhd]["Status"] == "deleted", states
assert "Unsupported VHD File Format" in states[vhd]["StatusMessage"], states
ec2.delete_snapshot(SnapshotId=snap)
assert s3.get_bucket_versioning(Bucket="disks").get("Status") != "Enabled"
s3.put_bucket_versioning(Bucket="disks", VersioningConfiguration={"Status": "Enabled"})
version = s3.put_object(Bucket="disks", Key="versioned", Body=b"1")["VersionId"]
s3.delete_object(Bucket="disks", Key="versioned", VersionId=version)
assert len(s3.list_object_versions(Bucket="disks").get("Versions", [])) == 2
refused("BucketNotEmpty", 409, s3.delete_bucket, Bucket="disks")
refused("NoSuchKey", 404, s3.get_object, Bucket="disks", Key="versioned")
for v in s3.list_object_versions(Bucket="disks")["Versions"]:
    s3.delete_object(Bucket="disks", Key=v["Key"], VersionId=v["VersionId"])
s3.delete_objects(Bucket="disks", Delete={"Objects": [{"Key": "nothing"}]})
for v in s3.list_object_versions(Bucket="disks").get("DeleteMarkers", []):
    s3.delete_object(Bucket="disks", Key=v["Key"], VersionId=v["VersionId"])
s3.delete_bucket(Bucket="disks")
print("all imported")
`

// An import goes through its states in the configured time, and fails as a fault
// says.
func TestImportStates(t *testing.T) {
	clock := newClock()
	l := start(t, Options{Now: clock.Now, ImportTime: 10 * time.Minute})
	request := &ec2.ImportSnapshotInput{DiskContainer: &types.SnapshotDiskContainer{
		Format: aws.String("RAW"), UserBucket: &types.UserBucket{S3Bucket: aws.String("none"), S3Key: aws.String("none")},
	}}
	made, err := l.ec2.ImportSnapshot(l.ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for range 4 {
		answer, err := l.ec2.DescribeImportSnapshotTasks(l.ctx, &ec2.DescribeImportSnapshotTasksInput{ImportTaskIds: []string{*made.ImportTaskId}})
		if err != nil {
			t.Fatal(err)
		}
		d := answer.ImportSnapshotTasks[0].SnapshotTaskDetail
		message, _, _ := strings.Cut(aws.ToString(d.StatusMessage), " [")
		seen = append(seen, strings.Join([]string{*d.Status, message, aws.ToString(d.Progress)}, "/"))
		clock.turn(2 * time.Minute)
	}
	want := []string{"active/pending/3", "active/validating/19", "active/converting/40", "deleted/ClientError: Disk validation failed/"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}
