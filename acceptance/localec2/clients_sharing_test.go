package localec2

// boto3Sharing is the part of boto3Script that shares and deprecates an image
// and its snapshot, and what must be refused of it.
const boto3Sharing = `
import datetime
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
    year = datetime.datetime.now(datetime.timezone.utc).year
    ec2.enable_image_deprecation(ImageId=ami, DeprecateAt=datetime.datetime(year + 1, 1, 2, 3, 4, 40))
    assert ec2.describe_images(ImageIds=[ami])["Images"][0]["DeprecationTime"] == "%d-01-02T03:05:00.000Z" % (year + 1)
    refused("InvalidParameterValue", 400, ec2.enable_image_deprecation, ImageId=ami, DeprecateAt=datetime.datetime(year - 1, 1, 1))
    refused("InvalidParameterValue", 400, ec2.enable_image_deprecation, ImageId=ami, DeprecateAt=datetime.datetime(year + 11, 1, 1))
    ec2.disable_image_deprecation(ImageId=ami)
    assert "DeprecationTime" not in ec2.describe_images(ImageIds=[ami])["Images"][0]
`

// boto3Templates is the part of boto3Script that makes launch templates.
const boto3Templates = `
def templates(ec2, refused, ami):
    made = ec2.create_launch_template(LaunchTemplateName="web", LaunchTemplateData={"ImageId": ami})["LaunchTemplate"]
    assert (made["LaunchTemplateName"], made["LatestVersionNumber"]) == ("web", 1), made
    refused("InvalidLaunchTemplateName.AlreadyExistsException", 400, ec2.create_launch_template, LaunchTemplateName="web", LaunchTemplateData={"ImageId": ami})
    for number in 2, 3:
        version = ec2.create_launch_template_version(LaunchTemplateName="web", LaunchTemplateData={"InstanceType": "m1.small"})["LaunchTemplateVersion"]
        assert version["VersionNumber"] == number and not version["DefaultVersion"], version
    id = made["LaunchTemplateId"]
    def numbers(**kw):
        return [v["VersionNumber"] for v in ec2.describe_launch_template_versions(**kw)["LaunchTemplateVersions"]]
    assert numbers(LaunchTemplateId=id) == [1, 2, 3]
    assert numbers(LaunchTemplateId=id, Versions=["2"]) == [2]
    assert numbers(Versions=["$Latest", "$Default"]) == [1, 3]
    assert numbers(Versions=["$Latest", "$Default"], Filters=[{"Name": "image-id", "Values": [ami]}]) == [1]
    refused("MissingParameter", 400, ec2.describe_launch_template_versions)
    refused("InvalidLaunchTemplateName.NotFoundException", 400, ec2.delete_launch_template, LaunchTemplateName="other")
    ec2.delete_launch_template(LaunchTemplateId=id)
    refused("InvalidLaunchTemplateId.NotFound", 400, ec2.describe_launch_template_versions, LaunchTemplateId=id)
`

// newerThanBoto3 are the actions that Debian's boto3 doesn't know.
// TestBlockPublicAccess calls them with the SDK.
var newerThanBoto3 = []string{"GetImageBlockPublicAccessState", "EnableImageBlockPublicAccess", "DisableImageBlockPublicAccess"}

// boto3Parameters is the part of boto3Script that stores parameters.
const boto3Parameters = `
def parameters(ssm, refused, ami):
    names = ["/web/%02d" % i for i in range(12)]
    for name in names:
        assert ssm.put_parameter(Name=name, Value=ami, Type="String", DataType="aws:ec2:image")["Version"] == 1
    refused("ParameterAlreadyExists", 400, ssm.put_parameter, Name=names[0], Value="x", Type="String")
    refused("HierarchyTypeMismatchException", 400, ssm.put_parameter, Name=names[0], Value="x", Type="StringList", Overwrite=True)
    refused("ValidationException", 400, ssm.put_parameter, Name="web/relative", Value="x", Type="String")
    refused("ParameterNotFound", 400, ssm.get_parameter, Name="/web/99")
    assert ssm.put_parameter(Name=names[0], Value="other", Overwrite=True)["Version"] == 2
    got = ssm.get_parameter(Name=names[0])["Parameter"]
    assert (got["Value"], got["Version"], got["DataType"]) == ("other", 2, "text"), got
    assert got["ARN"].endswith(":parameter/web/00") and got["LastModifiedDate"].year > 2000
    assert ssm.get_parameter(Name=names[0] + ":1")["Parameter"]["Value"] == ami
    some = ssm.get_parameters(Names=[names[1], "/web/99"])
    assert some["Parameters"][0]["DataType"] == "aws:ec2:image" and some["InvalidParameters"] == ["/web/99"], some
    pages = list(ssm.get_paginator("get_parameters_by_path").paginate(Path="/web"))
    assert [p["Name"] for page in pages for p in page["Parameters"]] == names and len(pages) == 2, pages
    assert ssm.get_parameters_by_path(Path="/")["Parameters"] == []
    assert len(ssm.get_parameters_by_path(Path="/", Recursive=True, MaxResults=3)["Parameters"]) == 3
    ssm.delete_parameter(Name=names[0])
    assert ssm.delete_parameters(Names=names[:10])["InvalidParameters"] == [names[0]]
    assert ssm.delete_parameters(Names=names[10:])["DeletedParameters"] == names[10:]
`
