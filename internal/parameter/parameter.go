// Package parameter stores values in the Parameter Store of AWS Systems Manager,
// all of them or none. [NewPlan] reads what is there and changes nothing;
// [Plan.Apply] writes. Every change is in the ledger first: Undo puts an old value
// back, and deletes a parameter that is new.
package parameter

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// Data types of a parameter.
const (
	Text  = "text"
	Image = "aws:ec2:image" // SSM checks that the value is an AMI
)

// A Write is a value that a parameter is to have.
type Write struct {
	Session  *cloud.Session
	Name     string
	Value    string
	DataType string // [Text] or [Image]
}

// A Plan is a set of changes that passed all checks.
type Plan struct{ changes []change }

// change is a write that changes something.
type change struct {
	Write
	old *types.Parameter // nil if the parameter is new
}

// A TakenError is returned if a parameter has another value, and must not be
// overwritten.
type TakenError struct{ Region, Name, Value string }

func (e TakenError) Error() string {
	return fmt.Sprintf("parameter %s exists in %s with the value %s", e.Name, e.Region, e.Value)
}

// NewPlan compares the writes with what is there, and returns all problems at
// once. A parameter that has its value already is left alone.
func NewPlan(ctx context.Context, writes []Write, overwrite bool) (*Plan, error) {
	plan := &Plan{}
	var errs []error
	for _, w := range writes {
		old, err := w.read(ctx)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("look up parameter %s in %s: %w", w.Name, w.Session.Region, err))
		case old == nil:
			plan.changes = append(plan.changes, change{w, nil})
		case old.Type != types.ParameterTypeString:
			errs = append(errs, fmt.Errorf("parameter %s in %s has the type %s: AMI ids are stored as String: use another name, or delete that parameter", w.Name, w.Session.Region, old.Type))
		case w.matches(old):
		case !overwrite:
			errs = append(errs, TakenError{w.Session.Region, w.Name, aws.ToString(old.Value)})
		default:
			plan.changes = append(plan.changes, change{w, old})
		}
	}
	return plan, errors.Join(errs...)
}

func (w Write) matches(p *types.Parameter) bool {
	return aws.ToString(p.Value) == w.Value && aws.ToString(p.DataType) == w.DataType
}

// read returns the parameter, or nil if there is none.
func (w Write) read(ctx context.Context) (*types.Parameter, error) {
	answer, err := w.Session.SSM.GetParameter(ctx, &ssm.GetParameterInput{Name: aws.String(w.Name)})
	if cloud.HasCode(err, "ParameterNotFound") {
		return nil, nil //nolint:nilnil // no parameter is a result, not an error
	}
	if err != nil {
		return nil, err
	}
	return answer.Parameter, nil
}

// Len is the number of parameters that Apply changes.
func (p *Plan) Len() int { return len(p.changes) }

// Apply writes all changes. If one fails, those before it are in the ledger.
func (p *Plan) Apply(ctx context.Context, ledger *cloud.Ledger) error {
	for _, c := range p.changes {
		_, err := ledger.Create(ctx, c, func(sent *cloud.Attempts) (string, error) {
			return c.id(), c.put(ctx, c.Value, c.DataType, c.old != nil, sent.OnSSM)
		})
		if err == nil {
			err = c.confirm(ctx, c.Value)
		}
		if err != nil {
			return fmt.Errorf("write parameter %s in %s: %w", c.Name, c.Write.Session.Region, err)
		}
	}
	return nil
}

// put doesn't overwrite a parameter that was not there when the plan was made.
func (c change) put(ctx context.Context, value, dataType string, overwrite bool, options ...func(*ssm.Options)) error {
	_, err := c.Write.Session.SSM.PutParameter(ctx, &ssm.PutParameterInput{
		Name: aws.String(c.Name), Value: aws.String(value), Type: types.ParameterTypeString,
		DataType: aws.String(dataType), Overwrite: aws.Bool(overwrite),
	}, options...)
	return err
}

// confirmations is how many times the Settle budget a new value may take to
// appear: a minute. SSM checks a value of the data type [Image] only after its
// answer, within seconds, and drops a bad one without an error.
const confirmations = 3

// confirm waits until the parameter has a value.
func (c change) confirm(ctx context.Context, value string) error {
	budget := confirmations * c.Write.Session.Waits.Settle
	err := c.Write.Session.Waits.Await(ctx, c.Name, budget, func(ctx context.Context) (string, bool, error) {
		now, err := c.read(ctx)
		if err != nil || now == nil {
			return "not there yet", false, err
		}
		return "the value is " + aws.ToString(now.Value), aws.ToString(now.Value) == value, nil
	})
	if err != nil && c.DataType == Image {
		return fmt.Errorf("%w: SSM drops a value if it finds no such AMI in %s", err, c.Write.Session.Region)
	}
	return err
}

// A change is the ledger's view of what it changed, too.

// id tells the changes of all regions apart.
func (c change) id() string { return fmt.Sprintf("parameter %s in %s", c.Name, c.Write.Session.Region) }

// Session returns the region of the parameter.
func (c change) Session() *cloud.Session { return c.Write.Session }

// Describe names the parameter and the command that takes the change back.
func (c change) Describe(string) string {
	command := fmt.Sprintf("aws ssm delete-parameter --region %s --name %s", c.Session().Region, c.Name)
	if c.old != nil {
		command = fmt.Sprintf("aws ssm put-parameter --region %s --name %s --overwrite --data-type %s --value %s",
			c.Session().Region, c.Name, aws.ToString(c.old.DataType), aws.ToString(c.old.Value))
	}
	return fmt.Sprintf("the new value of %s (%s)", c.id(), command)
}

// Find reports whether the parameter has the new value.
func (c change) Find(ctx context.Context) (string, error) {
	now, err := c.read(ctx)
	if err != nil || now == nil || !c.matches(now) {
		return "", err
	}
	return c.id(), nil
}

// Remove puts the old value back, or deletes a new parameter. A value that
// somebody else has written since stays.
func (c change) Remove(ctx context.Context, _ string) error {
	now, err := c.read(ctx)
	switch {
	case err != nil:
		return err
	case now == nil:
		return cloud.ErrGone
	case !c.matches(now):
		return nil
	case c.old != nil:
		return c.put(ctx, aws.ToString(c.old.Value), aws.ToString(c.old.DataType), true)
	}
	_, err = c.Session().SSM.DeleteParameter(ctx, &ssm.DeleteParameterInput{Name: aws.String(c.Name)})
	if cloud.HasCode(err, "ParameterNotFound") {
		return cloud.ErrGone
	}
	return err
}

// Limits of names (AWS Systems Manager API reference, PutParameter).
const (
	maxLevels = 15
	maxName   = 900 // characters; 1011 with the ARN in front
)

var nameForm = regexp.MustCompile(`^(/[a-zA-Z0-9_.-]+)+$|^[a-zA-Z0-9_.-]+$`)

// CheckName checks a parameter's name against the rules of SSM.
func CheckName(name string) error {
	first := strings.ToLower(strings.TrimPrefix(name, "/"))
	switch {
	case !nameForm.MatchString(name):
		return fmt.Errorf("%q is not a parameter's name: it must consist of letters, digits, and .-_, in levels that begin with a slash, as in /unikernel/web/prod/ami", name)
	case strings.HasPrefix(first, "aws"), strings.HasPrefix(first, "ssm"):
		return fmt.Errorf("%q begins with aws or ssm, which Amazon reserves: use another name", name)
	case strings.Count(name, "/") > maxLevels:
		return fmt.Errorf("%q has %d levels: the maximum is %d", name, strings.Count(name, "/"), maxLevels)
	case len(name) > maxName:
		return fmt.Errorf("%.40q… has %d characters: the maximum is %d", name, len(name), maxName)
	}
	return nil
}

// Values returns the values of all parameters of a region, for finding out which
// AMIs they name. Values that are encrypted stay so.
func Values(ctx context.Context, s *cloud.Session) (map[string]bool, error) {
	pages := ssm.NewGetParametersByPathPaginator(s.SSM, &ssm.GetParametersByPathInput{Path: aws.String("/"), Recursive: aws.Bool(true)})
	values := map[string]bool{}
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list parameters in %s: %w", s.Region, err)
		}
		for _, p := range page.Parameters {
			values[aws.ToString(p.Value)] = true
		}
	}
	return values, nil
}
