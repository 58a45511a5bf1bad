package instance

import (
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
)

func (s *Instances) consoleActions() map[string]query.Action {
	return map[string]query.Action{
		"GetConsoleOutput": {Params: []string{"InstanceId", "Latest"}, Run: s.getConsoleOutput},
	}
}

type getConsoleResponse struct {
	query.Response
	InstanceID string `xml:"instanceId"`
	Timestamp  string `xml:"timestamp,omitempty"`
	Output     string `xml:"output,omitempty"`
}

// getConsoleOutput returns the current console; EC2 posts it minutes after a
// start or stop. The time of the console of a stopped or terminated instance is
// never before its end.
func (s *Instances) getConsoleOutput(c *query.Call) (any, error) {
	s.forgetTerminated(c.Region)
	in, err := query.FindNamed(s.acct, c, s.regions[c.Region].instances, Type, "InstanceId")
	if err != nil {
		return nil, err
	}
	latest, err := c.Form.Flag("Latest", false)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	if latest && in.typ.hypervisor() != "nitro" {
		return nil, api.Bad("UnsupportedOperation", "This instance type does not support retrieving the latest console logs. Only supported on Nitro Instances.")
	}
	out := &getConsoleResponse{InstanceID: in.ID}
	var last time.Time
	if out.Output, last = in.console.Read(); out.Output != "" {
		state := in.state(s.acct.Now())
		if (state == stopped || state == terminated) && in.settles.After(last) {
			last = in.settles
		}
		out.Timestamp = last.UTC().Format(query.TimeFormat)
	}
	return out, nil
}
