package cloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/go-cmp/cmp"
)

// region makes a session that calls nothing.
func region(name string, undo time.Duration) *Session {
	return &Session{Region: name, Waits: Waits{Undo: undo, Settle: 20 * time.Millisecond, Delay: time.Millisecond, MaxDelay: 2 * time.Millisecond}}
}

// thing is a resource that remembers what was done to it.
type thing struct {
	in      *Session
	name    string
	finds   []string // the answers to Find, the last one again and again
	removes []error  // likewise; none: removed
	log     *[]string
}

func (r *thing) Session() *Session { return r.in }

func (r *thing) Describe(id string) string {
	return fmt.Sprintf("%s %q (remove --region %s)", r.name, id, r.in.Region)
}

func next[T any](answers *[]T) (answer T) {
	if len(*answers) > 0 {
		answer = (*answers)[0]
	}
	if len(*answers) > 1 {
		*answers = (*answers)[1:]
	}
	return answer
}

func (r *thing) Find(context.Context) (string, error) { return next(&r.finds), nil }

func (r *thing) Remove(ctx context.Context, id string) error {
	err := next(&r.removes)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == nil && r.log != nil {
		*r.log = append(*r.log, r.in.Region+" "+id)
	}
	return err
}

// status is an error as the SDK returns it for an answer.
func status(code int) error {
	response := &smithyhttp.Response{Response: &http.Response{StatusCode: code}}
	return &smithy.OperationError{Err: &awshttp.ResponseError{ResponseError: &smithyhttp.ResponseError{Response: response, Err: errors.New("declined")}}}
}

// answer is a request whose attempts end with errs; nil stands for an answer with
// the id.
func answer(id string, errs ...error) func(*Attempts) (string, error) {
	return func(sent *Attempts) (string, error) {
		for _, err := range errs {
			sent.add(err)
		}
		if err := errs[len(errs)-1]; err != nil {
			return "", err
		}
		return id, nil
	}
}

func TestCreate(t *testing.T) {
	lost, noRoom, throttled := errors.New("connection reset"), error(&smithy.GenericAPIError{Code: "InsufficientInstanceCapacity"}), error(&smithy.GenericAPIError{Code: "RequestLimitExceeded"})
	for _, test := range []struct {
		name    string
		answers []error // to the attempts
		finds   []string
		wantID  string
		wantErr bool
		entries int
	}{
		{"answered", []error{nil}, nil, "x-1", false, 1},
		{"refused at once", []error{status(403)}, []string{"x-9"}, "", true, 0},
		{"lost, then refused, and created", []error{lost, status(403)}, []string{"", "x-1"}, "x-1", false, 1},
		{"lost, then refused, and not there", []error{lost, status(403)}, nil, "", true, 1},
		{"throttled, then refused", []error{throttled, status(429), status(403)}, []string{"x-9"}, "", true, 0},
		{"lost, then throttled, then refused, and created", []error{lost, throttled, status(403)}, []string{"x-1"}, "x-1", false, 1},
		{"failed, then refused, and created", []error{status(500), status(403)}, []string{"x-1"}, "x-1", false, 1},
		{"answer lost, and created", []error{lost, lost, status(500)}, []string{"x-1"}, "x-1", false, 1},
		{"no capacity, which is sent as 500", []error{noRoom}, []string{"x-9"}, "", true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			var ledger Ledger
			r := &thing{in: region("r", time.Second), finds: test.finds}
			id, err := ledger.Create(t.Context(), r, answer("x-1", test.answers...))
			if id != test.wantID || (err != nil) != test.wantErr || ledger.Len() != test.entries {
				t.Errorf("id %q, error %v, %d entries; want %q, %v, %d", id, err, ledger.Len(), test.wantID, test.wantErr, test.entries)
			}
		})
	}
}

// A request that is repeated may be answered with the resource of an earlier one.
func TestOneResourceHasOneEntry(t *testing.T) {
	var ledger Ledger
	s := region("r", time.Second)
	for range 2 {
		if _, err := ledger.Create(t.Context(), &thing{in: s}, answer("x-1", nil)); err != nil {
			t.Fatal(err)
		}
	}
	if ledger.Len() != 1 {
		t.Errorf("%d entries", ledger.Len())
	}
}

// The ledger of a build holds what it has in every region, and each resource has
// the time of its own region.
func TestUndoInSeveralRegions(t *testing.T) {
	var ledger Ledger
	var log []string
	here, there := region("here", time.Second), region("there", 2*time.Second)
	ledger.Add(&thing{in: here, log: &log}, "snap-1")
	ledger.Add(&thing{in: there, log: &log}, "snap-2")
	ledger.Add(&slowThing{thing{in: there, log: &log}}, "ami-2")
	if budget := undoBudget(ledger.entries); budget != time.Second+2*time.Second+time.Hour {
		t.Errorf("budget %s", budget)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // it is undone all the same
	removed, err := ledger.Undo(ctx)
	if err != nil || !slices.Equal(removed, []string{"ami-2", "snap-2", "snap-1"}) {
		t.Errorf("removed %v, error %v", removed, err)
	}
	if diff := cmp.Diff([]string{"there ami-2", "there snap-2", "here snap-1"}, log); diff != "" {
		t.Error(diff)
	}
	if ledger.Len() != 0 {
		t.Errorf("%d entries are left", ledger.Len())
	}
}

type slowThing struct{ thing }

func (*slowThing) RemovalTime() time.Duration { return time.Hour }

func TestUndoNamesWhatIsLeft(t *testing.T) {
	var ledger Ledger
	s := region("r", time.Second)
	var log []string
	ledger.Add(&thing{in: s, name: "snapshot", log: &log}, "snap-1")
	ledger.Add(&thing{in: s, name: "image", removes: []error{status(403)}}, "ami-1")
	ledger.Add(&thing{in: s, name: "group", removes: []error{ErrInUse, ErrInUse, nil}, log: &log}, "sg-1")
	ledger.Add(&thing{in: s, name: "gone", removes: []error{ErrGone}}, "i-1")
	ledger.Add(&thing{in: s, name: "found", finds: []string{"", "eni-1"}, log: &log}, "")
	removed, err := ledger.Undo(t.Context())
	if err == nil || strings.Count(err.Error(), "\n") != 0 || !strings.HasPrefix(err.Error(), `remove image "ami-1" (remove --region r): `) {
		t.Errorf("error %v", err)
	}
	if !slices.Equal(removed, []string{"eni-1", "i-1", "sg-1", "snap-1"}) {
		t.Errorf("removed %v", removed)
	}
}

// Neither throttling nor a resource that can't be removed ends an undo before its
// budget.
func TestUndoOutlastsThrottling(t *testing.T) {
	var ledger Ledger
	s := region("r", 5*time.Second)
	throttled := slices.Repeat([]error{status(429)}, 40) // with the pauses, four times what EC2 takes to settle
	var log []string
	ledger.Add(&thing{in: s, removes: append(throttled, nil), log: &log}, "snap-1")
	ledger.Add(&thing{in: s, removes: []error{status(403)}}, "ami-1")
	removed, err := ledger.Undo(t.Context())
	if err == nil || !slices.Equal(removed, []string{"snap-1"}) {
		t.Errorf("removed %v, error %v", removed, err)
	}
	s.Waits.Undo = 50 * time.Millisecond
	ledger.Add(&thing{in: s, name: "snapshot", removes: []error{status(429)}}, "snap-2")
	before := time.Now()
	_, err = ledger.Undo(t.Context())
	if err == nil || !strings.Contains(err.Error(), `remove snapshot "snap-2" (remove --region r): not done within 50ms: `) || time.Since(before) > time.Second {
		t.Errorf("after %s, error %v", time.Since(before), err)
	}
}

// A wait that ends for lack of time shows the last state that AWS returned, and
// why AWS returns none now.
func TestAwaitTimeout(t *testing.T) {
	w := Waits{Delay: time.Millisecond, MaxDelay: time.Millisecond}
	asked := 0
	err := w.Await(t.Context(), "snap-1", 50*time.Millisecond, func(context.Context) (string, bool, error) {
		if asked++; asked == 1 {
			return "pending", false, nil
		}
		return "unknown", false, &smithy.OperationError{ServiceID: "EC2", OperationName: "DescribeSnapshots", Err: &smithy.GenericAPIError{Code: "RequestLimitExceeded", Message: "Request limit exceeded."}}
	})
	const want = "wait for snap-1: not done within 50ms; last state: pending; last error: EC2 DescribeSnapshots: RequestLimitExceeded: Request limit exceeded."
	if timeout, ok := errors.AsType[TimeoutError](err); !ok || err.Error() != want || timeout.Status != "pending" || !IsThrottled(err) {
		t.Errorf("error %v; want %s", err, want)
	}
}

func TestLeftAndKeep(t *testing.T) {
	var ledger Ledger
	s := region("r", time.Second)
	ledger.Add(&thing{in: s, name: "snapshot"}, "snap-1")
	ledger.Add(&thing{in: s, name: "image"}, "")
	want := []string{`image "" (remove --region r)`, `snapshot "snap-1" (remove --region r)`}
	if diff := cmp.Diff(want, ledger.Left()); diff != "" || ledger.Len() != 2 {
		t.Errorf("%d entries; %s", ledger.Len(), diff)
	}
	if diff := cmp.Diff(want, ledger.Keep()); diff != "" || ledger.Len() != 0 {
		t.Errorf("%d entries; %s", ledger.Len(), diff)
	}
}
