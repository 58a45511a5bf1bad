package account

import (
	"encoding/json"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/regions"
)

const (
	userID = "AIDALOCALEC2EXAMPLE00"
	roleID = "AROALOCALEC2EXAMPLE00"
)

// Principal returns the ARN and the unique ID of a caller.
func (a *Account) Principal(accessKey, region string) (arn, id string) {
	partition := "arn:" + regions.Partition(region)
	session, ok := a.Sessions.Of(accessKey)
	if !ok || session.Role == "" {
		return partition + ":iam::" + a.ID + ":user/localec2", userID
	}
	return partition + ":sts::" + a.ID + ":assumed-role/" + session.Role + "/" + session.Name, roleID + ":" + session.Name
}

// denialKind is the kind of the tokens that stand for denials.
const denialKind = "denial"

// denialLifetime is how long an encoded message can be decoded. AWS names no
// limit.
const denialLifetime = 24 * time.Hour

// EncodeDenial returns the encoded message that EC2 adds when it denies an
// action, for example "ec2:RegisterImage".
func (a *Account) EncodeDenial(accessKey, region, action string) string {
	arn, id := a.Principal(accessKey, region)
	return a.Tokens.Seal(denialKind, a.Now().Add(denialLifetime), arn, id, action)
}

// DecodeDenial returns the message as JSON. Its form is the one in the API
// reference of DecodeAuthorizationMessage.
func (a *Account) DecodeDenial(message string) (string, bool) {
	parts, ok := a.Tokens.Open(denialKind, message)
	if !ok {
		return "", false
	}
	type object = map[string]any
	none := object{"items": []string{}}
	text, err := json.Marshal(object{
		"allowed": false, "explicitDeny": false, "matchedStatements": none, "failures": none,
		"context": object{
			"principal": object{"arn": parts[0], "id": parts[1]},
			"action":    parts[2], "resource": "*", "conditions": none,
		},
	})
	return string(text), err == nil
}
