package image

import (
	"strconv"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

// nothing is a filter for which the server has no data.
func nothing(imageItem) []string { return nil }

// imageFilters are the documented filters of DescribeImages.
var imageFilters = query.Filters[imageItem]{
	"architecture": func(i imageItem) []string { return []string{i.Architecture} },
	"block-device-mapping.delete-on-termination": volumeFilter(func(v *volumeItem) string { return strconv.FormatBool(v.Delete) }),
	"block-device-mapping.device-name": func(i imageItem) []string {
		var names []string
		for _, m := range i.Mappings {
			names = append(names, m.Name)
		}
		return names
	},
	"block-device-mapping.encrypted":   volumeFilter(func(v *volumeItem) string { return strconv.FormatBool(v.Encrypted) }),
	"block-device-mapping.snapshot-id": volumeFilter(func(v *volumeItem) string { return v.SnapshotID }),
	"block-device-mapping.volume-size": volumeFilter(func(v *volumeItem) string { return strconv.Itoa(v.Size) }),
	"block-device-mapping.volume-type": volumeFilter(func(v *volumeItem) string { return v.Type }),
	"boot-mode":                        func(i imageItem) []string { return query.Optional(i.Boot) },
	"creation-date":                    func(i imageItem) []string { return []string{i.CreationDate} },
	"description":                      func(i imageItem) []string { return []string{i.Description} },
	"ena-support":                      func(i imageItem) []string { return []string{strconv.FormatBool(i.Ena)} },
	"free-tier-eligible":               nothing,
	"hypervisor":                       func(i imageItem) []string { return []string{i.Hypervisor} },
	"image-allowed":                    nothing,
	"image-id":                         func(i imageItem) []string { return []string{i.ID} },
	"image-type":                       func(i imageItem) []string { return []string{i.Type} },
	"is-public":                        func(i imageItem) []string { return []string{strconv.FormatBool(i.Public)} },
	"kernel-id":                        func(i imageItem) []string { return query.Optional(i.KernelID) },
	"manifest-location":                func(i imageItem) []string { return []string{i.Location} },
	"name":                             func(i imageItem) []string { return []string{i.Name} },
	"owner-alias":                      func(i imageItem) []string { return query.Optional(i.OwnerAlias) },
	"owner-id":                         func(i imageItem) []string { return []string{i.OwnerID} },
	"platform":                         nothing,
	"product-code":                     productCodeFilter(func(p productCode) string { return p.Code }),
	"product-code.type":                productCodeFilter(func(p productCode) string { return p.Type }),
	"public-ssm-parameter-name":        nothing,
	"ramdisk-id":                       nothing,
	"root-device-name":                 func(i imageItem) []string { return query.Optional(i.RootDeviceName) },
	"root-device-type":                 func(i imageItem) []string { return []string{i.RootDeviceType} },
	"source-image-id":                  func(i imageItem) []string { return query.Optional(i.SourceID) },
	"source-image-region":              func(i imageItem) []string { return query.Optional(i.SourceRegion) },
	"source-instance-id":               nothing,
	"sriov-net-support":                func(i imageItem) []string { return query.Optional(i.Sriov) },
	"state":                            func(i imageItem) []string { return []string{i.State} },
	"state-reason-code":                nothing,
	"state-reason-message":             nothing,
	"virtualization-type":              func(i imageItem) []string { return []string{i.Virtualization} },
}

// productCodeFilter returns a filter on the product codes of an image.
func productCodeFilter(get func(productCode) string) func(imageItem) []string {
	return func(i imageItem) []string {
		var values []string
		for _, p := range i.ProductCodes {
			values = append(values, get(p))
		}
		return values
	}
}

// volumeFilter returns a filter on the EBS volumes of an image.
func volumeFilter(get func(*volumeItem) string) func(imageItem) []string {
	return func(i imageItem) []string {
		var values []string
		for _, m := range i.Mappings {
			if m.Ebs != nil {
				values = append(values, get(m.Ebs))
			}
		}
		return values
	}
}
