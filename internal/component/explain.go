package component

import (
	"errors"
	"fmt"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/ami"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// options are the options that set the fields of requests to the cloud packages.
var options = map[string]string{
	"Region":             "region",
	"Polling":            "aws_polling",
	"Name":               "ami_name",
	"Bucket":             "s3_bucket",
	"CreateBucket":       "create_bucket",
	"Role":               "role_name",
	"KernelID":           "kernel_id",
	"RootDevice":         "root_device_name",
	"VolumeSize":         "volume_size",
	"VolumeType":         "volume_type",
	"IOPS":               "iops",
	"Throughput":         "throughput",
	"DeviceName":         "device_name",
	"VirtualName":        "virtual_name",
	"NoDevice":           "no_device",
	"SnapshotID":         "snapshot_id",
	"Encrypted":          "encrypted",
	"Encrypt":            "encrypt_boot",
	"KMSKey":             "kms_key_id",
	"Users":              "ami_users",
	"Groups":             "ami_groups",
	"OrgARNs":            "ami_org_arns",
	"OUARNs":             "ami_ou_arns",
	"SnapshotUsers":      "snapshot_users",
	"SnapshotGroups":     "snapshot_groups",
	"ImageID":            "ami_id",
	"InstanceTypes":      "instance_types",
	"SubnetID":           "subnet_id",
	"SubnetFilter":       "subnet_filter",
	"VPCID":              "vpc_id",
	"VPCFilter":          "vpc_filter",
	"AvailabilityZone":   "availability_zone",
	"SecurityGroupIDs":   "security_group_ids",
	"SourceCIDRs":        "temporary_security_group_source_cidrs",
	"PrivateIP":          "private_ip_address",
	"UserData":           "user_data",
	"IAMInstanceProfile": "iam_instance_profile",
	"SpotPrice":          "spot_price",
	"CopyMethod":         "method",
	"CopyDuration":       "snapshot_copy_duration_minutes",

	// of a launch
	"SpotTags":             "spot_tags",
	"SecurityGroupFilter":  "security_group_filter",
	"SourcePublicIP":       "temporary_security_group_source_public_ip",
	"EBSOptimized":         "ebs_optimized",
	"MetadataEndpoint":     "http_endpoint",
	"MetadataTokens":       "http_tokens",
	"MetadataHopLimit":     "http_put_response_hop_limit",
	"MetadataTags":         "instance_metadata_tags",
	"Tenancy":              "tenancy",
	"HostID":               "host_id",
	"HostResourceGroupARN": "host_resource_group_arn",
	"Affinity":             "affinity",
	"Tags":                 "run_tags",

	"Version": "version", // of PV-GRUB
}

// Explain words an error of the cloud packages for the user of Packer: it names
// options, and how to correct what can be corrected in a template.
func Explain(err error) error {
	if err == nil {
		return nil
	}
	return cloud.Each(err, func(one error) error {
		if _, done := errors.AsType[explained](one); done {
			return one
		}
		return explained{cloud.Worded(cloud.Plain(remedied(one)), options)}
	})
}

// An explained error has its final words.
type explained struct{ error }

func (e explained) Unwrap() error { return e.error }

// remedied adds what only the Packer side knows.
func remedied(err error) error {
	if taken, ok := errors.AsType[ami.NameTakenError](err); ok {
		return fmt.Errorf("ami_name %q is already taken in %s by %s: names must be unique; use another, for example with {{timestamp}} or {{uuid}} in it; set force_deregister to replace it",
			taken.Name, taken.Region, taken.ImageID)
	}
	if other, ok := errors.AsType[ami.DifferentError](err); ok {
		return fmt.Errorf("ami_name %q is already taken in %s by %s, which reuse doesn't accept, because its %s differs: use another name, or set force_deregister to replace it",
			other.Name, other.Region, other.ImageID, other.What)
	}
	if named, ok := errors.AsType[cloud.NameError](err); ok {
		if named.Clean {
			return fmt.Errorf("ami_name %w; clean_resource_name replaces other characters", err)
		}
		return fmt.Errorf("ami_name %w", err)
	}
	return remediedAccess(err)
}
