package cloud

import (
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"
)

// nameCharacters are those that EC2 allows in an AMI's name (RegisterImage).
var nameCharacters = regexp.MustCompile(`^[A-Za-z0-9()\[\] ./\-'@_]*$`)

// forbiddenInName is the opposite, for messages and for cleaning.
var forbiddenInName = regexp.MustCompile(`[^A-Za-z0-9()\[\] ./\-'@_]`)

// A NameError says which rule of EC2 an AMI's name breaks.
type NameError struct {
	Name  string
	Rule  string
	Clean bool // CleanName makes it one that EC2 accepts
}

func (e NameError) Error() string { return fmt.Sprintf("%q %s", e.Name, e.Rule) }

// CheckName checks an AMI's name by EC2's rules. Its errors are each a
// [NameError].
func CheckName(name string) error {
	var errs []error
	if n := utf8.RuneCountInString(name); n < 3 || n > 128 {
		errs = append(errs, NameError{name, fmt.Sprintf("has %d characters: it must have 3 to 128", n), false})
	}
	if !nameCharacters.MatchString(name) {
		errs = append(errs, NameError{name, fmt.Sprintf("contains %q: it must consist of letters, digits, spaces, and ()[]./-'@_", forbiddenInName.FindString(name)), true})
	}
	return errors.Join(errs...)
}

// CleanName replaces each character that EC2 rejects in an AMI's name with a
// dash.
func CleanName(name string) string {
	return forbiddenInName.ReplaceAllString(name, "-")
}
