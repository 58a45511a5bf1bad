package instance

import (
	"fmt"
	"strings"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

func (s *Instances) powerActions() map[string]query.Action {
	return map[string]query.Action{
		"TerminateInstances": {Params: []string{"InstanceId"}, Run: s.terminateInstances},
		"StopInstances":      {Params: []string{"InstanceId", "Force"}, Run: s.stopInstances},
		"StartInstances":     {Params: []string{"InstanceId"}, Run: s.startInstances},
		"RebootInstances":    {Params: []string{"InstanceId"}, Run: s.rebootInstances},
	}
}

type changeItem struct {
	ID       string    `xml:"instanceId"`
	Current  stateItem `xml:"currentState"`
	Previous stateItem `xml:"previousState"`
}

type changeResponse struct {
	query.Response
	Instances []changeItem `xml:"instancesSet>item"`
}

// namedInstances returns the requested instances. All must exist.
func (s *Instances) namedInstances(c *query.Call) ([]*Instance, error) {
	ids := c.Form.Texts("InstanceId")
	c.Resource = strings.Join(ids, ",")
	if len(ids) == 0 {
		return nil, api.Bad("MissingParameter", "The request must contain the parameter InstanceId")
	}
	s.forgetTerminated(c.Region)
	var named []*Instance
	for _, id := range ids {
		in, err := resource.Find(s.acct.Now(), s.regions[c.Region].instances, Type, id)
		if err != nil {
			return nil, err
		}
		named = append(named, in)
	}
	return named, nil
}

// change changes the requested instances. If check returns an error for one of
// them, it changes none.
func (s *Instances) change(c *query.Call, check func(*Instance, string) error, apply func(*Instance, string) error) (any, error) {
	named, err := s.namedInstances(c)
	if err != nil {
		return nil, err
	}
	for _, in := range named {
		if err := check(in, in.state(s.acct.Now())); err != nil {
			return nil, err
		}
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	out := &changeResponse{}
	for _, in := range named {
		before := in.state(s.acct.Now())
		if err := apply(in, before); err != nil {
			return nil, err
		}
		out.Instances = append(out.Instances, changeItem{in.ID, newStateItem(in.state(s.acct.Now())), newStateItem(before)})
	}
	return out, nil
}

// terminateInstances terminates instances. Terminating an instance again is not
// an error.
func (s *Instances) terminateInstances(c *query.Call) (any, error) {
	return s.change(c, func(*Instance, string) error { return nil }, func(in *Instance, state string) error {
		if state != terminated && state != shuttingDown {
			s.userReason(in)
			s.powerOff(in, terminated)
		}
		return nil
	})
}

// stopInstances stops instances at once. What a guest writes to its disk isn't
// kept, so it has nothing to save.
func (s *Instances) stopInstances(c *query.Call) (any, error) {
	check := func(in *Instance, state string) error {
		if state == terminated || state == shuttingDown || in.aborted {
			return api.Bad("IncorrectInstanceState", "This instance '%s' is not in a state from which it can be stopped.", in.ID)
		}
		if in.spot {
			return api.Bad("UnsupportedOperation", "You can't stop the Spot Instance '%s' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.", in.ID)
		}
		return nil
	}
	return s.change(c, check, func(in *Instance, state string) error {
		if state != stopped && state != stopping {
			s.userReason(in)
			s.powerOff(in, stopped)
		}
		return nil
	})
}

func (s *Instances) startInstances(c *query.Call) (any, error) {
	check := func(in *Instance, state string) error {
		if state != stopped && state != running && state != pending {
			return api.Bad("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be started.", in.ID)
		}
		return nil
	}
	return s.change(c, check, func(in *Instance, state string) error {
		if state != stopped {
			return nil
		}
		if err := s.roomFor(in.typ, 1); err != nil {
			return err
		}
		if in.wantsPublic {
			p, err := s.networks.TakePublic()
			if err != nil {
				return err
			}
			in.nic.Public = p
		}
		in.launched = s.acct.Now()
		in.nic.Attached = in.launched
		s.powerOn(in)
		return nil
	})
}

// rebootInstances restarts guests, as if by a power cycle.
func (s *Instances) rebootInstances(c *query.Call) (any, error) {
	check := func(in *Instance, state string) error {
		if state != running && state != pending {
			return api.Bad("IncorrectInstanceState", "Instance ID '%s' is not in a state from which it can be rebooted.", in.ID)
		}
		return nil
	}
	_, err := s.change(c, check, func(in *Instance, _ string) error {
		if in.guest != nil {
			in.guest.Restart()
		}
		return nil
	})
	return query.Success(), err
}

// userReason sets the reason of a state change that a call requested.
func (s *Instances) userReason(in *Instance) {
	in.why = fmt.Sprintf("User initiated (%s)", s.acct.Now().UTC().Format("2006-01-02 15:04:05 GMT"))
	in.reason = stateReason{"Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User initiated shutdown"}
}
