package image

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// amazon is the account that owns Amazon's images, with the alias "amazon".
const amazon = "137112412989"

// kernelDate is the creation date of the kernels. The true dates are not known.
var kernelDate = time.Date(2013, 9, 27, 0, 0, 0, 0, time.UTC)

// aki is a PV-GRUB kernel in one region, in both architectures.
type aki struct{ region, i386, x86_64 string }

// pvGrub has Amazon's PV-GRUB kernels by the middle of their names, as in
// pv-grub-hd0_1.05-x86_64.gz. The ids of 1.05 are from AWS (Amazon EC2 User
// Guide, "User provided kernels", 2018 to 2023) and, for the regions that never
// ran paravirtual instances, from sokoow/encroot. Those of 1.04 are from
// andsens/bootstrap-vz and, for the regions with one architecture, from
// CoreOS's build scripts. No region has an hd00 kernel of version 1.05.
var pvGrub = map[string][]aki{
	"hd0_1.05": {
		{"ap-northeast-1", "aki-f975a998", "aki-7077ab11"},
		{"ap-southeast-1", "aki-17a40074", "aki-73a50110"},
		{"ap-southeast-2", "aki-ba5665d9", "aki-66506305"},
		{"eu-central-1", "aki-1419e57b", "aki-931fe3fc"},
		{"eu-west-1", "aki-1c9fd86f", "aki-dc9ed9af"},
		{"sa-east-1", "aki-7cd34110", "aki-912fbcfd"},
		{"us-east-1", "aki-04206613", "aki-5c21674b"},
		{"us-gov-west-1", "aki-5ee9573f", "aki-9ee55bff"},
		{"us-west-1", "aki-43cf8123", "aki-59cc8239"},
		{"us-west-2", "aki-7a69931a", "aki-70cb0e10"},
		{"ap-northeast-2", "aki-b36db8dd", "aki-a961b4c7"},
		{"ap-south-1", "aki-0a364265", "aki-f033479f"},
		{"ca-central-1", "aki-d402b0b0", "aki-e219ab86"},
		{"eu-west-2", "aki-e6f6fc82", "aki-ebf4fe8f"},
		{"us-east-2", "aki-ebfda68e", "aki-eff7ac8a"},
	},
	"hd0_1.04": {
		{"ap-northeast-1", "aki-136bf512", "aki-176bf516"},
		{"ap-southeast-1", "aki-ae3973fc", "aki-503e7402"},
		{"ap-southeast-2", "aki-cd62fff7", "aki-c362fff9"},
		{"eu-central-1", "aki-3e4c7a23", "aki-184c7a05"},
		{"eu-west-1", "aki-68a3451f", "aki-52a34525"},
		{"sa-east-1", "aki-5b53f446", "aki-5553f448"},
		{"us-east-1", "aki-8f9dcae6", "aki-919dcaf8"},
		{"us-gov-west-1", "aki-1fe98d3c", "aki-1de98d3e"},
		{"us-west-1", "aki-8e0531cb", "aki-880531cd"},
		{"us-west-2", "aki-f08f11c0", "aki-fc8f11cc"},
		{"cn-north-1", "aki-908f1da9", "aki-9e8f1da7"},
		{"ap-south-1", "", "aki-a7305ac8"},
		{"ap-northeast-2", "", "aki-01a66b6f"},
		{"us-east-2", "", "aki-da055ebf"},
		{"eu-west-2", "", "aki-8b6369ef"},
		{"ca-central-1", "", "aki-320ebd56"},
	},
	"hd00_1.04": {
		{"ap-northeast-1", "aki-196bf518", "aki-1f6bf51e"},
		{"ap-southeast-1", "aki-563e7404", "aki-5e3e740c"},
		{"ap-southeast-2", "aki-c162fffb", "aki-3b1d8001"},
		{"eu-west-1", "aki-5ea34529", "aki-58a3452f"},
		{"sa-east-1", "aki-5753f44a", "aki-5153f44c"},
		{"us-east-1", "aki-659ccb0c", "aki-499ccb20"},
		{"us-gov-west-1", "aki-63e98d40", "aki-61e98d42"},
		{"us-west-1", "aki-960531d3", "aki-920531d7"},
		{"us-west-2", "aki-e28f11d2", "aki-e68f11d6"},
	},
}

// pvGrubImages returns the kernels of a region.
func pvGrubImages(region string) map[string]*Image {
	images := map[string]*Image{}
	for version, akis := range pvGrub {
		for _, a := range akis {
			if a.region != region {
				continue
			}
			for arch, id := range map[string]string{"i386": a.i386, "x86_64": a.x86_64} {
				if id != "" {
					images[id] = newKernel(id, region, "pv-grub-"+version+"-"+arch+".gz", arch)
				}
			}
		}
	}
	return images
}

func newKernel(id, region, name, arch string) *Image {
	return &Image{
		Common: resource.Common{ID: id, Tags: resource.TagSet{}},
		Name:   name, imageType: "kernel", Architecture: arch, Virtualization: Paravirtual,
		location: "ec2-public-images-" + region + "/" + name + ".manifest.xml",
		owner:    amazon, ownerAlias: "amazon", permissions: permissions{everyone}, rootType: "instance-store",
		created: kernelDate,
	}
}
