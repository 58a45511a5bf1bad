package localec2

import "strings"

var powerActions = map[string]action{
	"TerminateInstances": {params: []string{"InstanceId"}, run: (*Server).terminateInstances},
	"StopInstances":      {params: []string{"InstanceId", "Force"}, run: (*Server).stopInstances},
	"StartInstances":     {params: []string{"InstanceId"}, run: (*Server).startInstances},
	"RebootInstances":    {params: []string{"InstanceId"}, run: (*Server).rebootInstances},
}

type changeItem struct {
	ID       string    `xml:"instanceId"`
	Current  stateItem `xml:"currentState"`
	Previous stateItem `xml:"previousState"`
}

type changeResponse struct {
	response
	Instances []changeItem `xml:"instancesSet>item"`
}

// namedInstances finds the instances that a request names, all or none.
func (s *Server) namedInstances(c *call) ([]*instance, error) {
	ids := c.form.texts("InstanceId")
	c.resource = strings.Join(ids, ",")
	if len(ids) == 0 {
		return nil, bad("MissingParameter", "The request must contain the parameter InstanceId")
	}
	s.forgetTerminated(c.region)
	var named []*instance
	for _, id := range ids {
		in, err := find(s, s.regions[c.region].instances, instanceKind, id)
		if err != nil {
			return nil, err
		}
		named = append(named, in)
	}
	return named, nil
}

// change has the instances that a request names change: all, or none where
// check refuses one.
func (s *Server) change(c *call, check func(*instance, string) error, apply func(*instance, string) error) (any, error) {
	named, err := s.namedInstances(c)
	if err != nil {
		return nil, err
	}
	for _, in := range named {
		if err := check(in, in.state(s.opts.Now())); err != nil {
			return nil, err
		}
	}
	if err := dryRun(c); err != nil {
		return nil, err
	}
	out := &changeResponse{}
	for _, in := range named {
		before := in.state(s.opts.Now())
		if err := apply(in, before); err != nil {
			return nil, err
		}
		out.Instances = append(out.Instances, changeItem{in.id, newStateItem(in.state(s.opts.Now())), newStateItem(before)})
	}
	return out, nil
}

// terminateInstances ends instances; one that has ended already is no error.
func (s *Server) terminateInstances(c *call) (any, error) {
	return s.change(c, func(*instance, string) error { return nil }, func(in *instance, state string) error {
		if state != terminated && state != shuttingDown {
			s.userReason(in)
			s.powerOff(in, terminated)
		}
		return nil
	})
}

// stopInstances stops instances at once: what a guest writes to its disk isn't
// kept, so there is nothing for it to save.
func (s *Server) stopInstances(c *call) (any, error) {
	check := func(in *instance, state string) error {
		if state == terminated || state == shuttingDown {
			return bad("IncorrectInstanceState", "This instance '%s' is not in a state from which it can be stopped.", in.id)
		}
		if in.spot {
			return bad("UnsupportedOperation", "You can't stop the Spot Instance '%s' because it is associated with a one-time Spot Instance request. You can only stop Spot Instances associated with persistent Spot Instance requests.", in.id)
		}
		return nil
	}
	return s.change(c, check, func(in *instance, state string) error {
		if state != stopped && state != stopping {
			s.userReason(in)
			s.powerOff(in, stopped)
		}
		return nil
	})
}

func (s *Server) startInstances(c *call) (any, error) {
	check := func(in *instance, state string) error {
		if state != stopped && state != running && state != pending {
			return bad("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be started.", in.id)
		}
		return nil
	}
	return s.change(c, check, func(in *instance, state string) error {
		if state != stopped {
			return nil
		}
		if err := s.roomFor(in.kind, 1); err != nil {
			return err
		}
		if in.wantsPublic {
			p, err := s.takePublic()
			if err != nil {
				return err
			}
			in.public = p
		}
		in.launched = s.opts.Now()
		s.powerOn(in)
		return nil
	})
}

// rebootInstances starts guests anew, as if their power had failed.
func (s *Server) rebootInstances(c *call) (any, error) {
	check := func(in *instance, state string) error {
		if state != running && state != pending {
			return bad("IncorrectInstanceState", "Instance ID '%s' is not in a state from which it can be rebooted.", in.id)
		}
		return nil
	}
	_, err := s.change(c, check, func(in *instance, _ string) error {
		select {
		case in.machine.again <- struct{}{}:
		default: // one that was asked for is still to come
		}
		return nil
	})
	return &done{Return: true}, err
}
