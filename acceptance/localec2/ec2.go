package localec2

import (
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
)

const ec2Namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// ec2Version is the only version of the EC2 API that the server speaks.
const ec2Version = "2016-11-15"

// ec2Actions is all that the server knows of EC2. Each file of actions has its
// own table.
var ec2Actions = merge(imageActions, registerActions, snapshotActions, tagActions, regionActions,
	instanceTypeActions, offeringActions, vpcActions, subnetActions, gatewayActions, routeActions,
	groupActions, permissionActions, launchActions, instanceActions, instanceStatusActions, powerActions, consoleActions, cardActions)

func merge(tables ...map[string]action) map[string]action {
	all := map[string]action{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// queryAction reads a Query request: a form-encoded POST with an Action.
func queryAction(c *call, actions map[string]action) (string, error) {
	if c.req.URL.Path != "/" || c.req.Method != http.MethodPost {
		return "", bad("InvalidAction", "The request is not a POST to /")
	}
	f, err := parseForm(string(c.body))
	if err != nil {
		return "", err
	}
	c.form = f
	name := f.text("Action")
	if name == "" {
		return "", bad("MissingAction", "The request must contain the parameter Action")
	}
	a, known := actions[name]
	if !known {
		return name, bad("InvalidAction", "The action %s is not valid for this web service.", name)
	}
	if c.service == "sts" {
		return name, nil
	}
	if v := f.text("Version"); v != ec2Version {
		return name, bad("InvalidAction", "The action %s is not valid for version %q; localec2 speaks %s", name, v, ec2Version)
	}
	return name, f.only(slices.Concat(a.params, []string{"Action", "Version", "DryRun"})...)
}

// response is embedded by the answer of each EC2 action.
type response struct {
	RequestID string `xml:"requestId"`
}

func (r *response) setRequestID(id string) { r.RequestID = id }

// done is the answer of an action that only succeeds.
type done struct {
	response
	Return bool `xml:"return"`
}

func writeEC2(w http.ResponseWriter, c *call, result any) {
	result.(interface{ setRequestID(string) }).setRequestID(c.requestID)
	writeXML(w, http.StatusOK, xml.Name{Space: ec2Namespace, Local: c.action + "Response"}, result)
}

func writeEC2Error(w http.ResponseWriter, c *call, e *apiError) {
	type ec2Error struct {
		Code, Message string
	}
	writeXML(w, e.status, xml.Name{Local: "Response"}, struct {
		Errors    []ec2Error `xml:"Errors>Error"`
		RequestID string
	}{[]ec2Error{{e.code, e.message}}, c.requestID})
}

func writeXML(w http.ResponseWriter, status int, name xml.Name, v any) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header)) // a client that left is no error
	_ = xml.NewEncoder(w).EncodeElement(v, xml.StartElement{Name: name})
}

// setRequestID gives the id in the header that the SDKs look in.
func setRequestID(w http.ResponseWriter, c *call) {
	w.Header().Set("X-Amzn-Requestid", c.requestID)
}

// ec2Auth words the faults of a signature as EC2 does. AuthFailure comes with
// status 401 (turbot/steampipe-plugin-aws#75, there for a region that the
// account has not opted in to).
func ec2Auth(f authFault, region string) *apiError {
	switch f {
	case authMissing:
		return refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
	case authMalformed:
		return refuse(http.StatusUnauthorized, "AuthFailure", "Authorization header is not a well-formed AWS Signature Version 4")
	case authExpired:
		return bad("RequestExpired", "Request has expired.")
	case authRegion:
		return refuse(http.StatusUnauthorized, "AuthFailure", "Credential should be scoped to a valid region, not '%s'.", region)
	case authDenied:
		return unauthorized()
	}
	return refuse(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
}

func unauthorized() *apiError {
	return refuse(http.StatusForbidden, "UnauthorizedOperation", "You are not authorized to perform this operation.")
}

// dryRun is an error where the request asks only whether it would be allowed.
func dryRun(c *call) error {
	dry, err := c.form.flag("DryRun", false)
	if err != nil {
		return err
	}
	if dry {
		return refuse(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	return nil
}

// ec2Time is how EC2 writes times.
const ec2Time = "2006-01-02T15:04:05.000Z"
