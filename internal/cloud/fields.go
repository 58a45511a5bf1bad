package cloud

import (
	"errors"
	"strings"
)

// Errors about a request name its fields in braces, as in {SubnetID}, because
// the cloud packages don't know what the user calls them. Worded replaces them.

// Worded returns err with the user's names for the fields of requests: options
// maps each field to its option.
func Worded(err error, options map[string]string) error {
	if err == nil {
		return nil
	}
	var pairs []string
	for field, option := range options {
		pairs = append(pairs, "{"+field+"}", option)
	}
	return worded{err, strings.NewReplacer(pairs...)}
}

type worded struct {
	error
	words *strings.Replacer
}

func (w worded) Error() string { return w.words.Replace(w.error.Error()) }

func (w worded) Unwrap() error { return w.error }

// Each applies f to each error that [errors.Join] has joined, or to err itself,
// and joins the results.
func Each(err error, f func(error) error) error {
	list, ok := err.(interface{ Unwrap() []error })
	if !ok || err.Error() != errors.Join(list.Unwrap()...).Error() { // the latter: fmt.Errorf with several %w
		return f(err)
	}
	var all []error
	for _, one := range list.Unwrap() {
		all = append(all, Each(one, f))
	}
	return errors.Join(all...)
}
