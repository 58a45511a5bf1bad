package instance

import (
	"context"
	"encoding/base64"
	"fmt"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// consoleSize is how much of a console EC2 keeps, in bytes (GetConsoleOutput).
const consoleSize = 64 << 10

// consolePost is a console as EC2 posted it.
type consolePost struct {
	text string
	at   time.Time
}

// Console returns the last 64 KiB at most that an instance has written to its
// console, as far as EC2 has posted it; "" if it has not yet. On Xen (all PV
// instances) EC2 posts the console shortly after the instance has started,
// stopped or ended, and not in between.
func Console(ctx context.Context, s *cloud.Session, id string) (string, error) {
	post, err := console(ctx, s, id)
	if err != nil {
		return "", fmt.Errorf("read console of %s: %w", id, err)
	}
	return post.text, nil
}

func console(ctx context.Context, s *cloud.Session, id string) (consolePost, error) {
	answer, err := s.EC2.GetConsoleOutput(ctx, &ec2.GetConsoleOutputInput{InstanceId: aws.String(id)})
	if err != nil {
		return consolePost{}, err
	}
	data, err := base64.StdEncoding.DecodeString(aws.ToString(answer.Output))
	if err != nil {
		return consolePost{}, fmt.Errorf("decode console output: %w", err)
	}
	return consolePost{string(data[max(len(data)-consoleSize, 0):]), aws.ToTime(answer.Timestamp)}, nil
}

// FinalConsole waits for the console that EC2 posts after the end of an instance
// and keeps for at least an hour. If that doesn't come, it returns an earlier
// one; if there is none at all, an error.
func FinalConsole(ctx context.Context, s *cloud.Session, in *Instance) (string, error) {
	var last consolePost
	state := "nothing was posted"
	err := s.Waits.Await(ctx, "the console of "+in.ID, s.Waits.Console, func(ctx context.Context) (string, bool, error) {
		post, err := console(ctx, s, in.ID)
		if err != nil || post.text == "" {
			return state, false, err
		}
		last, state = post, "posted before the end"
		ended, err := endOf(ctx, s, in.ID)
		return state, err == nil && !post.at.Before(ended), err
	})
	if last.text != "" {
		return last.text, nil
	}
	return "", err
}

// transition matches how EC2 describes that the user ended an instance, with the
// time.
var transition = regexp.MustCompile(`\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)`)

// endOf returns when an instance was ended, to the second, or the zero time if
// EC2 doesn't say. Then any console counts as the last one.
func endOf(ctx context.Context, s *cloud.Session, id string) (time.Time, error) {
	found, err := describeInstance(ctx, s, id)
	if isUnseen(err) {
		return time.Time{}, nil
	}
	m := transition.FindStringSubmatch(aws.ToString(found.StateTransitionReason))
	if err != nil || m == nil {
		return time.Time{}, err
	}
	return time.Parse(time.DateTime, m[1])
}
