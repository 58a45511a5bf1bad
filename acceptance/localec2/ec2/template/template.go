// Package template implements EC2's launch templates, as far as others look for
// the images in them. Instances can't be launched from them.
package template

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/api"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// Templates are the launch templates of all regions. The caller must hold EC2's
// lock.
type Templates struct {
	acct    *account.Account
	regions map[string]map[string]*launchTemplate // by region and id
	answers map[string]any                        // by action, region and client token
}

// New returns no templates.
func New(acct *account.Account) *Templates {
	return &Templates{acct, map[string]map[string]*launchTemplate{}, map[string]any{}}
}

// launchTemplate is a template with its versions, oldest first. The first version
// is the default one.
type launchTemplate struct {
	resource.Common
	name     string
	versions []versionItem
}

var templateType = resource.Type{
	Prefix: "lt", Name: "launch-template", Label: "launch template",
	NotFound: "InvalidLaunchTemplateId.NotFound", Malformed: "InvalidLaunchTemplateId.Malformed",
}

var templateName = regexp.MustCompile(`^[a-zA-Z0-9().\-/_]{3,128}$`)

// Actions returns the actions on launch templates.
func (s *Templates) Actions() []map[string]query.Action {
	named := []string{"LaunchTemplateId", "LaunchTemplateName"}
	return []map[string]query.Action{{
		"CreateLaunchTemplate":        {Params: []string{"LaunchTemplateName", "LaunchTemplateData", "TagSpecification", "ClientToken"}, Run: s.once(s.create)},
		"CreateLaunchTemplateVersion": {Params: append(slices.Clone(named), "LaunchTemplateData", "ClientToken"), Run: s.once(s.createVersion)},
		"DescribeLaunchTemplateVersions": {
			Params: append(slices.Clone(named), "LaunchTemplateVersion", "Filter", "MaxResults", "NextToken"),
			Run:    s.describeVersions,
		},
		"DeleteLaunchTemplate": {Params: named, Run: s.delete},
	}}
}

// once returns an action that answers a repeated client token as it answered the
// first.
func (s *Templates) once(run func(*query.Call) (any, error)) func(*query.Call) (any, error) {
	return func(c *query.Call) (any, error) {
		token := c.Form.Text("ClientToken")
		key := c.Action + " " + c.Region + " " + token
		if answer := s.answers[key]; token != "" && answer != nil {
			return answer, nil
		}
		answer, err := run(c)
		if err == nil {
			s.answers[key] = answer
		}
		return answer, err
	}
}

type templateItem struct {
	ID      string `xml:"launchTemplateId"`
	Name    string `xml:"launchTemplateName"`
	Default int64  `xml:"defaultVersionNumber"`
	Latest  int64  `xml:"latestVersionNumber"`
}

func (t *launchTemplate) item() templateItem {
	return templateItem{t.ID, t.name, 1, int64(len(t.versions))}
}

type createResponse struct {
	query.Response
	Template templateItem `xml:"launchTemplate"`
}

// region returns the templates of a region.
func (s *Templates) region(name string) map[string]*launchTemplate {
	if s.regions[name] == nil {
		s.regions[name] = map[string]*launchTemplate{}
	}
	return s.regions[name]
}

func (s *Templates) create(c *query.Call) (any, error) {
	name, err := c.Form.Need("LaunchTemplateName")
	if err != nil {
		return nil, err
	}
	if !templateName.MatchString(name) {
		return nil, api.Bad("InvalidLaunchTemplateName.MalformedException", "The name '%s' must have 3 to 128 letters, digits, and ().-/_", name)
	}
	for _, t := range s.region(c.Region) {
		if t.name == name {
			return nil, api.Bad("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
		}
	}
	common, err := query.NewCommon(s.acct, c, templateType)
	if err != nil {
		return nil, err
	}
	t := &launchTemplate{Common: common, name: name}
	if err := s.add(c, t); err != nil {
		return nil, err
	}
	c.Resource = t.ID
	s.region(c.Region)[t.ID] = t
	return &createResponse{Template: t.item()}, nil
}

// add adds the requested version to a template.
func (s *Templates) add(c *query.Call, t *launchTemplate) error {
	data := c.Form.At("LaunchTemplateData")
	if err := data.Only("ImageId", "InstanceType"); err != nil {
		return err
	}
	if !data.Has("ImageId") && !data.Has("InstanceType") {
		return api.Bad("MissingParameter", "The request must contain the parameter launchTemplateData")
	}
	if err := c.DryRun(); err != nil {
		return err
	}
	t.versions = append(t.versions, versionItem{
		ID: t.ID, Name: t.name, Number: int64(len(t.versions) + 1), Default: len(t.versions) == 0,
		Created: s.acct.Now().UTC().Format(time.RFC3339), Data: versionData{data.Text("ImageId"), data.Text("InstanceType")},
	})
	return nil
}

// find returns the template that a request names by its id or its name.
func (s *Templates) find(c *query.Call) (*launchTemplate, error) {
	if c.Form.Has("LaunchTemplateId") {
		return query.FindNamed(s.acct, c, s.region(c.Region), templateType, "LaunchTemplateId")
	}
	name, err := c.Form.Need("LaunchTemplateName")
	if err != nil {
		return nil, err
	}
	c.Resource = name
	for _, t := range resource.Visible(s.acct.Now(), s.region(c.Region)) {
		if t.name == name {
			return t, nil
		}
	}
	return nil, api.Bad("InvalidLaunchTemplateName.NotFoundException", "The specified launch template, with template name %s, does not exist.", name)
}

type createVersionResponse struct {
	query.Response
	Version versionItem `xml:"launchTemplateVersion"`
}

func (s *Templates) createVersion(c *query.Call) (any, error) {
	t, err := s.find(c)
	if err != nil {
		return nil, err
	}
	if err := s.add(c, t); err != nil {
		return nil, err
	}
	return &createVersionResponse{Version: t.versions[len(t.versions)-1]}, nil
}

func (s *Templates) delete(c *query.Call) (any, error) {
	t, err := s.find(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	delete(s.region(c.Region), t.ID)
	return &createResponse{Template: t.item()}, nil
}

// versionItem is a version in DescribeLaunchTemplateVersions.
type versionItem struct {
	ID      string      `xml:"launchTemplateId"`
	Name    string      `xml:"launchTemplateName"`
	Number  int64       `xml:"versionNumber"`
	Created string      `xml:"createTime"`
	Default bool        `xml:"defaultVersion"`
	Data    versionData `xml:"launchTemplateData"`
}

type versionData struct {
	Image        string `xml:"imageId,omitempty"`
	InstanceType string `xml:"instanceType,omitempty"`
}

var versionFilters = query.Filters[versionItem]{
	"create-time":        func(i versionItem) []string { return []string{i.Created} },
	"image-id":           func(i versionItem) []string { return query.Optional(i.Data.Image) },
	"instance-type":      func(i versionItem) []string { return query.Optional(i.Data.InstanceType) },
	"is-default-version": func(i versionItem) []string { return []string{strconv.FormatBool(i.Default)} },
}

type describeVersionsResponse struct {
	query.Response
	Versions  []versionItem `xml:"launchTemplateVersionSet>item"`
	NextToken string        `xml:"nextToken,omitempty"`
}

func (s *Templates) describeVersions(c *query.Call) (any, error) {
	matches, err := versionFilters.Read(c.Form)
	if err != nil {
		return nil, err
	}
	templates, wanted, err := s.readVersions(c)
	if err != nil {
		return nil, err
	}
	if err := c.DryRun(); err != nil {
		return nil, err
	}
	var found []versionItem
	for _, t := range templates {
		for _, v := range t.versions {
			if wanted(v, v.Number == int64(len(t.versions))) && matches(v) {
				found = append(found, v)
			}
		}
	}
	out := &describeVersionsResponse{}
	out.Versions, out.NextToken, err = query.Page(s.acct, c, query.Paging{Min: 1, Max: 200}, found, func(i versionItem) string {
		return i.ID + "/" + strings.Repeat("0", 20-len(strconv.FormatInt(i.Number, 10))) + strconv.FormatInt(i.Number, 10)
	})
	return out, err
}

// readVersions returns the requested templates, and a function that reports
// whether one of their versions is requested. Without a template, only the latest
// and the default version of all templates can be.
func (s *Templates) readVersions(c *query.Call) (templates []*launchTemplate, wanted func(v versionItem, latest bool) bool, err error) {
	versions := c.Form.Texts("LaunchTemplateVersion")
	symbolic := !slices.ContainsFunc(versions, func(v string) bool { return v != "$Latest" && v != "$Default" })
	switch {
	case c.Form.Has("LaunchTemplateId") || c.Form.Has("LaunchTemplateName"):
		t, err := s.find(c)
		if err != nil {
			return nil, nil, err
		}
		templates = []*launchTemplate{t}
	case len(versions) == 0 || !symbolic:
		return nil, nil, api.Bad("MissingParameter", "The request must contain a launch template, or the versions $Latest or $Default")
	default:
		templates = resource.Visible(s.acct.Now(), s.region(c.Region))
	}
	return templates, func(v versionItem, latest bool) bool {
		return len(versions) == 0 || slices.Contains(versions, strconv.FormatInt(v.Number, 10)) ||
			latest && slices.Contains(versions, "$Latest") || v.Default && slices.Contains(versions, "$Default")
	}, nil
}
