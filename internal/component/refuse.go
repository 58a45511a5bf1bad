package component

import (
	"strings"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
)

// unknown is the placeholder for values of the build, such as build.AMI, while
// they aren't known. Packer prepares the options again when they are.
const unknown = "<unknown>"

// Refuse joins the errors of a post-processor's options, and leaves out those about
// values that aren't known yet. It returns nil if none is left.
func Refuse(errs ...error) error {
	var all *packersdk.MultiError
	for _, err := range errs {
		all = packersdk.MultiErrorAppend(all, flatten(err)...)
	}
	if all == nil || len(all.Errors) == 0 {
		return nil
	}
	return all
}

// flatten splits joined errors.
func flatten(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var flat []error
		for _, one := range joined.Unwrap() {
			flat = append(flat, flatten(one)...)
		}
		return flat
	}
	if err == nil || strings.Contains(err.Error(), unknown) {
		return nil
	}
	return []error{err}
}
