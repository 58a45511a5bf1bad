package cloud

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Filter makes a filter of a Describe call.
func Filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}

// SortedTags makes requests reproducible: a map's order isn't.
func SortedTags(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

// EBSTags are the same tags in the types of the EBS direct API.
func EBSTags(tags []types.Tag) []ebstypes.Tag {
	list := make([]ebstypes.Tag, len(tags))
	for i, tag := range tags {
		list[i] = ebstypes.Tag{Key: tag.Key, Value: tag.Value}
	}
	return list
}
