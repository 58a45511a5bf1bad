package localec2

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxUserData is AWS's limit on user data before it is encoded, in bytes.
const maxUserData = 16 << 10

// readOptions reads what is the same for all places.
func (s *Server) readOptions(c *call, l *launch) error {
	f := c.form
	switch f.text("InstanceInitiatedShutdownBehavior") {
	case "", "stop":
	case "terminate":
		l.model.terminates = true
	default:
		return bad("InvalidParameterValue", "Value (%s) for parameter instanceInitiatedShutdownBehavior is invalid.", f.text("InstanceInitiatedShutdownBehavior"))
	}
	if name := f.text("KeyName"); name != "" {
		return bad("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", name)
	}
	data, err := base64.StdEncoding.DecodeString(f.text("UserData"))
	if err != nil {
		return bad("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
	}
	if len(data) > maxUserData {
		return bad("InvalidParameterValue", "User data is limited to %d bytes", maxUserData)
	}
	if err := s.readProfile(c, l); err != nil {
		return err
	}
	if err := l.readDevices(f); err != nil {
		return err
	}
	return l.readMarket(f.at("InstanceMarketOptions"))
}

// readProfile reads the IAM instance profile, by its name or ARN. The wording is
// AWS's, as users report it.
func (s *Server) readProfile(c *call, l *launch) error {
	f := c.form.at("IamInstanceProfile")
	if err := f.only("Name", "Arn"); err != nil {
		return err
	}
	name, arn := f.text("Name"), f.text("Arn")
	switch {
	case name != "" && arn != "":
		return bad("InvalidParameterCombination", "The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")
	case name == "" && arn == "":
		return nil
	case arn != "":
		name, _ = strings.CutPrefix(arn, s.profileARN(c.region, ""))
		if !slices.Contains(s.opts.InstanceProfiles, name) {
			return bad("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile.arn is invalid. Invalid IAM Instance Profile ARN", arn)
		}
	case !slices.Contains(s.opts.InstanceProfiles, name):
		return bad("InvalidParameterValue", "Value (%s) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name", name)
	}
	l.model.profile = name
	return nil
}

func (s *Server) profileARN(region, name string) string {
	return fmt.Sprintf("arn:%s:iam::%s:instance-profile/%s", regions[region].partition, s.opts.Account, name)
}

// readDevices reads what a request changes of the image's block devices: here
// only what becomes of the root volume at the end.
func (l *launch) readDevices(f *form) error {
	l.model.deletesRoot = l.model.root.delete
	for _, member := range f.list("BlockDeviceMapping") {
		if err := member.only("DeviceName", "Ebs"); err != nil {
			return err
		}
		if name := member.text("DeviceName"); name != l.model.root.device {
			return badDevice("localec2 attaches the root device only: '%s', not '%s'", l.model.root.device, name)
		}
		ebs := member.at("Ebs")
		if err := ebs.only("DeleteOnTermination"); err != nil {
			return err
		}
		var err error
		if l.model.deletesRoot, err = ebs.flag("DeleteOnTermination", l.model.deletesRoot); err != nil {
			return err
		}
	}
	return nil
}

// spotPrice is what a spot instance costs here, in dollars an hour: a price
// that no real one is below.
const spotPrice = 0.001

// readMarket has an instance run as a spot instance: here none is ever taken
// away.
func (l *launch) readMarket(f *form) error {
	if err := f.only("MarketType", "SpotOptions"); err != nil {
		return err
	}
	switch f.text("MarketType") {
	case "":
		return nil
	case "spot":
		l.model.spot = true
	default:
		return bad("InvalidParameterValue", "Value (%s) for parameter MarketType is invalid.", f.text("MarketType"))
	}
	options := f.at("SpotOptions")
	if err := options.only("MaxPrice", "SpotInstanceType", "InstanceInterruptionBehavior"); err != nil {
		return err
	}
	if kind := options.text("SpotInstanceType"); kind != "" && kind != "one-time" {
		return bad("UnsupportedOperation", "localec2 has one-time Spot requests only, none that are '%s'", kind)
	}
	if how := options.text("InstanceInterruptionBehavior"); how != "" && how != "terminate" {
		return bad("InvalidParameterCombination", "The interruption behavior '%s' needs a persistent Spot request", how)
	}
	text := options.text("MaxPrice")
	if text == "" {
		return nil
	}
	price, err := strconv.ParseFloat(text, 64)
	if err != nil || !(price > 0) {
		return bad("InvalidParameterValue", "Value (%s) for parameter price is invalid. \"%s\" is an invalid spot instance price", text, text)
	}
	if price < spotPrice {
		return bad("SpotMaxPriceTooLow", "Your Spot request price of %s is lower than the minimum required Spot request fulfillment price of %g.", text, spotPrice)
	}
	return nil
}
