package cloud

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// A Pager is one of the SDK's paginators for EC2.
type Pager[Page any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*ec2.Options)) (Page, error)
}

// All reads all pages of a list, and returns the items that items takes from
// each.
func All[Page, Item any](ctx context.Context, pager Pager[Page], items func(Page) []Item) ([]Item, error) {
	var all []Item
	for pager.HasMorePages() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, items(page)...)
	}
	return all, nil
}

// Filter is a filter of a Describe call: a resource passes if it has one of the
// values.
func Filter(name string, values ...string) types.Filter {
	return types.Filter{Name: aws.String(name), Values: values}
}
