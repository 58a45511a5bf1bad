package instance

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/ec2/image"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

// maxUserData is AWS's limit on user data before encoding, in bytes.
const maxUserData = 16 << 10

// readOptions reads what does not depend on the network.
func (s *Instances) readOptions(c *query.Call, l *launch) error {
	f := c.Form
	switch f.Text("InstanceInitiatedShutdownBehavior") {
	case "", "stop":
	case "terminate":
		l.model.terminates = true
	default:
		return api.Bad("InvalidParameterValue", "Value (%s) for parameter instanceInitiatedShutdownBehavior is invalid.", f.Text("InstanceInitiatedShutdownBehavior"))
	}
	if name := f.Text("KeyName"); name != "" {
		return api.Bad("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", name)
	}
	data, err := base64.StdEncoding.DecodeString(f.Text("UserData"))
	if err != nil {
		return api.Bad("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
	}
	if len(data) > maxUserData {
		return api.Bad("InvalidParameterValue", "User data is limited to %d bytes", maxUserData)
	}
	if err := s.readProfile(c, l); err != nil {
		return err
	}
	if err := l.readDevices(f); err != nil {
		return err
	}
	return l.readMarket(f.At("InstanceMarketOptions"))
}

// readProfile reads the IAM instance profile, by name or ARN. The wording is
// AWS's, as users report it.
func (s *Instances) readProfile(c *query.Call, l *launch) error {
	f := c.Form.At("IamInstanceProfile")
	if err := f.Only("Name", "Arn"); err != nil {
		return err
	}
	name, arn := f.Text("Name"), f.Text("Arn")
	switch {
	case name != "" && arn != "":
		return api.Bad("InvalidParameterCombination", "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")
	case name == "" && arn == "":
		return nil
	case arn != "":
		name, _ = strings.CutPrefix(arn, s.profileARN(c.Region, ""))
		if !slices.Contains(s.opts.Profiles, name) {
			return api.Bad("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN", arn)
		}
	case !slices.Contains(s.opts.Profiles, name):
		return api.Bad("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", name)
	}
	l.model.profile = name
	return nil
}

func (s *Instances) profileARN(region, name string) string {
	return fmt.Sprintf("arn:%s:iam::%s:instance-profile/%s", regions.Partition(region), s.acct.ID, name)
}

// readDevices reads changes to the image's block devices. Only the root
// device's DeleteOnTermination can be changed.
func (l *launch) readDevices(f *query.Form) error {
	root := l.model.image.Root()
	l.model.deletesRoot = root.Delete
	for _, member := range f.List("BlockDeviceMapping") {
		if err := member.Only("DeviceName", "Ebs"); err != nil {
			return err
		}
		if name := member.Text("DeviceName"); name != root.Device {
			return image.BadDevice("localec2 attaches the root device only: '%s', not '%s'", root.Device, name)
		}
		ebs := member.At("Ebs")
		if err := ebs.Only("DeleteOnTermination"); err != nil {
			return err
		}
		var err error
		if l.model.deletesRoot, err = ebs.Flag("DeleteOnTermination", l.model.deletesRoot); err != nil {
			return err
		}
	}
	return nil
}

// spotPrice is the price of spot instances, in dollars per hour: lower than
// every real price.
const spotPrice = 0.001

// readMarket reads the market options. Spot instances are never interrupted.
func (l *launch) readMarket(f *query.Form) error {
	if err := f.Only("MarketType", "SpotOptions"); err != nil {
		return err
	}
	switch f.Text("MarketType") {
	case "":
		return nil
	case "spot":
		l.model.spot = true
	default:
		return api.Bad("InvalidParameterValue", "Value (%s) for parameter MarketType is invalid.", f.Text("MarketType"))
	}
	options := f.At("SpotOptions")
	if err := options.Only("MaxPrice", "SpotInstanceType", "InstanceInterruptionBehavior"); err != nil {
		return err
	}
	if spot := options.Text("SpotInstanceType"); spot != "" && spot != "one-time" {
		return api.Bad("UnsupportedOperation", "localec2 has one-time Spot requests only, none that are '%s'", spot)
	}
	if how := options.Text("InstanceInterruptionBehavior"); how != "" && how != "terminate" {
		return api.Bad("InvalidParameterCombination", "The interruption behavior '%s' needs a persistent Spot request", how)
	}
	text := options.Text("MaxPrice")
	if text == "" {
		return nil
	}
	price, err := strconv.ParseFloat(text, 64)
	if err != nil || !(price > 0) {
		return api.Bad("InvalidParameterValue", "Value (%s) for parameter price is invalid. \"%s\" is an invalid spot instance price", text, text)
	}
	if price < spotPrice {
		return api.Bad("SpotMaxPriceTooLow", "Your Spot request price of %s is lower than the minimum required Spot request fulfillment price of %g.", text, spotPrice)
	}
	return nil
}
