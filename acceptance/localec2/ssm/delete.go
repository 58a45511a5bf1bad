package ssm

import "github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"

type deleteParameter struct{ Name string }

func (s *Service) deleteParameter(c *api.Call, in deleteParameter) (any, error) {
	c.Resource = in.Name
	if _, err := s.find(c.Region, in.Name); err != nil {
		return nil, err
	}
	delete(s.parameters(c.Region), in.Name)
	return struct{}{}, nil
}

type deleteParametersResponse struct{ DeletedParameters, InvalidParameters []string }

func (s *Service) deleteParameters(c *api.Call, in namesRequest) (any, error) {
	if err := in.check(c); err != nil {
		return nil, err
	}
	out := deleteParametersResponse{[]string{}, []string{}}
	for _, name := range in.Names {
		if _, err := s.find(c.Region, name); err != nil {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		delete(s.parameters(c.Region), name)
		out.DeletedParameters = append(out.DeletedParameters, name)
	}
	return out, nil
}
