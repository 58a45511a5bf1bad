package ec2ami

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	ebstypes "github.com/aws/aws-sdk-go-v2/service/ebs/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// sortedTags makes requests reproducible: a map's order isn't.
func sortedTags(tags map[string]string) []types.Tag {
	var list []types.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, types.Tag{Key: aws.String(key), Value: aws.String(tags[key])})
	}
	return list
}

// ebsTags are the same tags in the types of the EBS direct API.
func ebsTags(tags []types.Tag) []ebstypes.Tag {
	list := make([]ebstypes.Tag, len(tags))
	for i, tag := range tags {
		list[i] = ebstypes.Tag{Key: tag.Key, Value: tag.Value}
	}
	return list
}
