package ec2ami

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Tags that this project sets itself on everything it creates.
const (
	// EnvironmentTag says which environment a resource is for.
	EnvironmentTag = "Environment"
	// BuildTag holds the id of the build, by which all of its resources are
	// found again.
	BuildTag = "unikernel:build"
	// SystemTag names the unikernel system, for example "mirage".
	SystemTag = "unikernel:system"
	// MaxMemoryTag holds the most memory, in MiB, that the unikernel system
	// stands, where there is such a limit.
	MaxMemoryTag = "unikernel:max-memory-mib"
	// ContentTag holds the SHA-256 over the digests of the disk's blocks.
	ContentTag = "unikernel:content"

	ownTagPrefix = "unikernel:"
)

// Bounds of tags (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html).
const (
	maxTags     = 50
	maxTagKey   = 128 // characters
	maxTagValue = 256 // characters
	ownTags     = 4   // the ones above
)

// nameCharacters are those that EC2 allows in an AMI's name (RegisterImage).
var nameCharacters = regexp.MustCompile(`^[A-Za-z0-9()\[\] ./\-'@_]*$`)

// forbiddenInName is the opposite, for messages and for cleaning.
var forbiddenInName = regexp.MustCompile(`[^A-Za-z0-9()\[\] ./\-'@_]`)

// CheckName checks an AMI's name by EC2's rules.
func CheckName(name string) error {
	var errs []error
	if n := utf8.RuneCountInString(name); n < 3 || n > 128 {
		errs = append(errs, fmt.Errorf("ami_name %q has %d characters: EC2 takes 3 to 128", name, n))
	}
	if !nameCharacters.MatchString(name) {
		errs = append(errs, fmt.Errorf("ami_name %q holds %q: EC2 takes letters, digits, blanks and ()[]./-'@_ only; clean_resource_name replaces the others",
			name, forbiddenInName.FindString(name)))
	}
	return errors.Join(errs...)
}

// CleanName replaces each character that EC2 doesn't take in an AMI's name by
// a dash.
func CleanName(name string) string {
	return forbiddenInName.ReplaceAllString(name, "-")
}

// CheckTags checks the user's tags by EC2's rules, leaving room for this
// project's own. The option is named in errors.
func CheckTags(option string, tags map[string]string) error {
	var errs []error
	if len(tags) > maxTags-ownTags {
		errs = append(errs, fmt.Errorf("%s has %d tags: EC2 takes %d, of which %d are set by this plugin", option, len(tags), maxTags, ownTags))
	}
	for key, value := range tags {
		if err := checkTag(key, value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", option, err))
		}
	}
	return errors.Join(errs...)
}

func checkTag(key, value string) error {
	lower := strings.ToLower(key)
	switch {
	case key == "":
		return errors.New("a tag has an empty key: give it a name")
	case !utf8.ValidString(key) || !utf8.ValidString(value):
		return fmt.Errorf("tag %q is not UTF-8", key)
	case utf8.RuneCountInString(key) > maxTagKey:
		return fmt.Errorf("tag key %.20q… has %d characters: EC2 takes %d", key, utf8.RuneCountInString(key), maxTagKey)
	case utf8.RuneCountInString(value) > maxTagValue:
		return fmt.Errorf("tag %q has a value of %d characters: EC2 takes %d", key, utf8.RuneCountInString(value), maxTagValue)
	case strings.HasPrefix(lower, "aws:"):
		return fmt.Errorf("tag %q: keys that begin with aws: are Amazon's own", key)
	case strings.HasPrefix(lower, ownTagPrefix):
		return fmt.Errorf("tag %q: keys that begin with %s are set by this plugin", key, ownTagPrefix)
	}
	return nil
}
