// Package query implements AWS's Query protocol, as used by EC2 and STS: a
// form-encoded POST with an Action, answered with XML. It also has what EC2's
// actions share: filters, pages, tags and dry runs.
package query

import (
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
)

// Call is a call with its parameters.
type Call struct {
	*api.Call
	Form *Form
}

// Action is one action of a service. Params are the top-level parameters that
// AWS accepts, in addition to those of every call.
type Action struct {
	Params []string
	Run    func(*Call) (any, error)
}

// Reader reads the requests of a service.
type Reader struct {
	// Version is the API version that requests must have. Empty means that
	// neither the version nor the names of parameters are checked.
	Version string
	Table   map[string]Action

	// Lock is held while an action runs. That is fine for a control plane,
	// whose calls are short.
	Lock sync.Locker
}

// Actions returns the names of all actions.
func (r *Reader) Actions() []string { return slices.Sorted(maps.Keys(r.Table)) }

// Read reads a request.
func (r *Reader) Read(c *api.Call) (api.Run, error) {
	if c.Request.URL.Path != "/" || c.Request.Method != http.MethodPost {
		return nil, api.Bad("InvalidAction", "The request is not a POST to /")
	}
	f, err := ParseForm(string(c.Body))
	if err != nil {
		return nil, err
	}
	name := f.Text("Action")
	if name == "" {
		return nil, api.Bad("MissingAction", "The request must contain the parameter Action")
	}
	c.Action = name
	a, known := r.Table[name]
	if !known {
		return nil, api.Bad("InvalidAction", "The action %s is not valid for this web service.", name)
	}
	if err := r.check(f, a); err != nil {
		return nil, err
	}
	return func() (any, error) {
		r.Lock.Lock()
		defer r.Lock.Unlock()
		return a.Run(&Call{c, f})
	}, nil
}

// check checks the version and the parameter names of a request.
func (r *Reader) check(f *Form, a Action) error {
	if r.Version == "" {
		return nil
	}
	if v := f.Text("Version"); v != r.Version {
		return api.Bad("InvalidAction", "The action %s is not valid for version %q; localec2 speaks %s", f.Text("Action"), v, r.Version)
	}
	return f.Only(slices.Concat(a.Params, []string{"Action", "Version", "DryRun"})...)
}

// WriteXML writes a value as an XML element with the given name.
func WriteXML(w http.ResponseWriter, status int, name xml.Name, v any) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(xml.Header)) // the client may have disconnected
	_ = xml.NewEncoder(w).EncodeElement(v, xml.StartElement{Name: name})
}

// DryRun returns an error if the request is a dry run.
func (c *Call) DryRun() error {
	dry, err := c.Form.Flag("DryRun", false)
	if err != nil {
		return err
	}
	if dry {
		return api.Refuse(http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
	}
	return nil
}
