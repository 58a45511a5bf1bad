package localec2

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

// TestDeregistrationProtection goes through the states of a protected image.
func TestDeregistrationProtection(t *testing.T) {
	clock := newClock()
	l := start(t, Options{Now: clock.Now})
	ami := l.register("protected", l.snapshot())
	state := func() string {
		t.Helper()
		return aws.ToString(must(l.ec2.DescribeImages(l.ctx, &ec2.DescribeImagesInput{ImageIds: []string{*ami}}))(t).Images[0].DeregistrationProtection)
	}
	enable := func(withCooldown bool) {
		t.Helper()
		must(l.ec2.EnableImageDeregistrationProtection(l.ctx, &ec2.EnableImageDeregistrationProtectionInput{ImageId: ami, WithCooldown: &withCooldown}))(t)
	}
	disable := func() {
		t.Helper()
		must(l.ec2.DisableImageDeregistrationProtection(l.ctx, &ec2.DisableImageDeregistrationProtectionInput{ImageId: ami}))(t)
	}
	deregister := func() error {
		_, err := l.ec2.DeregisterImage(l.ctx, &ec2.DeregisterImageInput{ImageId: ami})
		return err
	}
	if got := state(); got != "disabled" {
		t.Errorf("a new image is %s", got)
	}
	enable(false)
	if got := state(); got != "enabled-without-cooldown" {
		t.Errorf("the image is %s", got)
	}
	wantRefusal(t, deregister(), "OperationNotPermitted 400")
	disable()
	enable(true)
	if got := state(); got != "enabled-with-cooldown" {
		t.Errorf("the image is %s", got)
	}
	disable()
	wantRefusal(t, deregister(), "OperationNotPermitted 400") // the cooldown
	clock.turn(24*time.Hour + time.Second)
	if got := state(); got != "disabled" {
		t.Errorf("the image is %s after the cooldown", got)
	}
	if err := deregister(); err != nil {
		t.Error(err)
	}
}
