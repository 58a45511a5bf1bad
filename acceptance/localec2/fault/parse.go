package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse parses a fault:
//
//	ACTION=KIND[,from=N][,times=N][,nth=N][,delay=DURATION][,service=S][,region=R][,code=C][,status=N]
//
// ACTION is the name of an action, or * for all. KIND is delay, throttle, refuse,
// fail, cut, cut-after or end-pending, which needs the action RunInstances,
// CopyImage or ImportSnapshot. nth=N
// is short for from=N,times=1. times=0, the default, means no limit. For example,
// "PutSnapshotBlock=refuse,from=3" refuses every block from the third on, and
// "RunInstances=end-pending,nth=1" ends the instances of the first launch.
func Parse(text string) (Fault, error) {
	head, rest, more := strings.Cut(text, ",")
	name, kind, ok := strings.Cut(head, "=")
	if !ok || name == "" {
		return Fault{}, fmt.Errorf("parse fault %q: must begin with ACTION=KIND", text)
	}
	f := Fault{Action: name, Kind: kind}
	if name == "*" {
		f.Action = ""
	}
	for part := range strings.SplitSeq(rest, ",") {
		if !more {
			break
		}
		key, value, _ := strings.Cut(part, "=")
		if err := f.setOption(key, value); err != nil {
			return Fault{}, fmt.Errorf("parse fault %q: %w", text, err)
		}
	}
	if err := f.check(); err != nil {
		return Fault{}, fmt.Errorf("parse fault %q: %w", text, err)
	}
	return f, nil
}

func (f *Fault) setOption(key, value string) (err error) {
	switch key {
	case "from":
		f.From, err = strconv.Atoi(value)
	case "times":
		f.Times, err = strconv.Atoi(value)
	case "nth":
		f.From, err = strconv.Atoi(value)
		f.Times = 1
	case "status":
		f.Status, err = strconv.Atoi(value)
	case "delay":
		f.Delay, err = time.ParseDuration(value)
	case "service":
		f.Service = value
	case "region":
		f.Region = value
	case "code":
		f.Code = value
	default:
		return fmt.Errorf("unknown option %q; the options are from, times, nth, delay, service, region, code, status", key)
	}
	return err
}

func (f *Fault) check() error {
	switch f.Kind {
	case Delay:
		if f.Delay <= 0 {
			return errors.New("kind delay needs delay=DURATION, such as delay=2s")
		}
	case EndPending:
		if !slices.Contains(pendingActions, f.Action) {
			return errors.New("kind end-pending needs the action RunInstances, CopyImage or ImportSnapshot: RunInstances=end-pending")
		}
	case Throttle, Refuse, Fail, Cut, CutAfter:
	default:
		return fmt.Errorf("unknown kind %q; the kinds are delay, throttle, refuse, fail, cut, cut-after, end-pending", f.Kind)
	}
	if f.From < 0 || f.Times < 0 || f.Delay < 0 {
		return errors.New("from, times, nth and delay can't be negative")
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return fmt.Errorf("status %d is not an error; it must be 400 to 599", f.Status)
	}
	return nil
}
