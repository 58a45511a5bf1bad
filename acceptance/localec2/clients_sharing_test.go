package localec2

// boto3Sharing is the part of boto3Script that shares an image and its snapshot,
// and what must be refused of it.
const boto3Sharing = `
def sharing(ec2, refused, ami, snap):
    org = "arn:aws:organizations::111122223333:organization/o-abcdefghij"
    ec2.modify_image_attribute(ImageId=ami, LaunchPermission={"Add": [{"UserId": "111122223333"}, {"OrganizationArn": org}]})
    ec2.modify_image_attribute(ImageId=ami, Attribute="launchPermission", OperationType="add", UserGroups=["all"])
    shared = ec2.describe_image_attribute(ImageId=ami, Attribute="launchPermission")["LaunchPermissions"]
    assert shared == [{"UserId": "111122223333"}, {"OrganizationArn": org}, {"Group": "all"}], shared
    assert ec2.describe_images(ImageIds=[ami])["Images"][0]["Public"]
    refused("InvalidAMIAttributeItemValue", 400, ec2.modify_image_attribute, ImageId=ami, LaunchPermission={"Add": [{"UserId": "joe"}]})
    ec2.reset_image_attribute(ImageId=ami, Attribute="launchPermission")
    assert ec2.describe_image_attribute(ImageId=ami, Attribute="launchPermission")["LaunchPermissions"] == []
    ec2.modify_image_attribute(ImageId=ami, Description={"Value": "boto3's"})
    assert ec2.describe_image_attribute(ImageId=ami, Attribute="description")["Description"]["Value"] == "boto3's"
    ec2.modify_snapshot_attribute(SnapshotId=snap, Attribute="createVolumePermission", OperationType="add", UserIds=["111122223333"])
    shared = ec2.describe_snapshot_attribute(SnapshotId=snap, Attribute="createVolumePermission")["CreateVolumePermissions"]
    assert shared == [{"UserId": "111122223333"}], shared
    refused("InvalidParameterValue", 400, ec2.modify_snapshot_attribute, SnapshotId=snap, Attribute="createVolumePermission", OperationType="add", GroupNames=["some"])
`
