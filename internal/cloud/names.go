package cloud

import (
	"errors"
	"fmt"
	"regexp"
	"unicode/utf8"
)

// nameCharacters are the ones that EC2 allows in an AMI's name (RegisterImage).
var nameCharacters = regexp.MustCompile(`^[A-Za-z0-9()\[\] ./\-'@_]*$`)

// forbiddenInName is the opposite, for messages and for cleaning.
var forbiddenInName = regexp.MustCompile(`[^A-Za-z0-9()\[\] ./\-'@_]`)

// A NameError is an AMI's name that breaks a rule of EC2.
type NameError struct {
	Name  string
	Rule  string
	Clean bool // CleanName fixes it
}

func (e NameError) Error() string { return fmt.Sprintf("%q %s", e.Name, e.Rule) }

// CheckName checks an AMI's name against EC2's rules. It returns one or several
// joined [NameError]s.
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
