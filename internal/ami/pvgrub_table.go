package ami

// documentedPVGRUB are the ids of pv-grub-hd0_1.05, the last release, by
// architecture and region, as AWS documented them from 2016 on
// (awsdocs/amazon-ec2-user-guide, UserProvidedKernels.md). EC2's own listing
// comes first; this is the fallback where EC2 has stopped to list an image but
// still knows it.
var documentedPVGRUB = map[string]map[string]string{
	"x86_64": {
		"ap-northeast-1": "aki-7077ab11",
		"ap-southeast-1": "aki-73a50110",
		"ap-southeast-2": "aki-66506305",
		"eu-central-1":   "aki-931fe3fc",
		"eu-west-1":      "aki-dc9ed9af",
		"sa-east-1":      "aki-912fbcfd",
		"us-east-1":      "aki-5c21674b",
		"us-gov-west-1":  "aki-9ee55bff",
		"us-west-1":      "aki-59cc8239",
		"us-west-2":      "aki-70cb0e10",
	},
	"i386": {
		"ap-northeast-1": "aki-f975a998",
		"ap-southeast-1": "aki-17a40074",
		"ap-southeast-2": "aki-ba5665d9",
		"eu-central-1":   "aki-1419e57b",
		"eu-west-1":      "aki-1c9fd86f",
		"sa-east-1":      "aki-7cd34110",
		"us-east-1":      "aki-04206613",
		"us-gov-west-1":  "aki-5ee9573f",
		"us-west-1":      "aki-43cf8123",
		"us-west-2":      "aki-7a69931a",
	},
}
