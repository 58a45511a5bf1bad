package component

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/url"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hcldec"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/zclconf/go-cty/cty"
)

// messages contain a value in all forms that a message can have.
func messages(t *testing.T, value string) []string {
	t.Helper()
	text, err := json.Marshal(map[string]string{"a": value})
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"plain " + value + " end",
		fmt.Sprintf("quoted %q", value),
		fmt.Sprintf("ASCII %+q", value),
		"JSON " + string(text),
		"URL https://x/?" + url.Values{"a": {value}}.Encode(),
		"path https://x/" + url.PathEscape(value),
	}
}

// leaky is a component that shows everything, everywhere.
type leaky struct {
	packersdk.Builder
	packersdk.PostProcessor
	texts []string
}

func (leaky) ConfigSpec() hcldec.ObjectSpec { return nil }

func (l leaky) Prepare(...any) (generated, warnings []string, err error) {
	return nil, append([]string(nil), l.texts...), errors.New(strings.Join(l.texts, "\n"))
}

func (l leaky) show(ui packersdk.Ui) error {
	for _, text := range l.texts {
		ui.Say(text)
		ui.Sayf("%s", text)
		ui.Error(text)
		ui.Errorf("%s", text)
		ui.Message(text) //nolint:staticcheck // deprecated, and still a way out
		ui.Machine("a", text)
		log.Print(text)
	}
	return errors.New(strings.Join(l.texts, "\n"))
}

func (l leaky) Run(_ context.Context, ui packersdk.Ui, _ packersdk.Hook) (packersdk.Artifact, error) {
	return nil, l.show(ui)
}

func (l leaky) Configure(...any) error { return errors.New(strings.Join(l.texts, "\n")) }

func (l leaky) PostProcess(_ context.Context, ui packersdk.Ui, _ packersdk.Artifact) (packersdk.Artifact, bool, bool, error) {
	return nil, false, false, l.show(ui)
}

// everything returns all that the component shows, logs and returns.
func everything(t *testing.T, l leaky, raws ...any) string {
	t.Helper()
	var all bytes.Buffer
	ui := &packersdk.BasicUi{Writer: &all, ErrorWriter: &all}
	before := log.Writer()
	log.SetOutput(FilterLog(&all))
	defer log.SetOutput(before)
	builder, post := DiscreetBuilder(l), DiscreetPostProcessor(l)
	_, warnings, err := builder.Prepare(raws...)
	fmt.Fprintln(&all, warnings, err, post.Configure(raws...))
	_, err = builder.Run(t.Context(), ui, nil)
	fmt.Fprintln(&all, err)
	_, _, _, err = post.PostProcess(t.Context(), ui, nil)
	fmt.Fprintln(&all, err)
	return all.String()
}

// A secret among the access options appears nowhere.
func TestSecretsAreHidden(t *testing.T) {
	for _, secret := range []string{`Zx9"quo\te$!`, "Zx9 with  blanks ", "Zx9é ünïcode", "Zx9lines\nZx9more\n", "Zx9<&>", "Zx9/+="} {
		t.Run(secret, func(t *testing.T) {
			Access{AccessKey: "AKIA1", SecretKey: secret}.CheckAccess()
			all := everything(t, leaky{texts: messages(t, secret)})
			if strings.Contains(all, "Zx9") || !strings.Contains(all, "plain <sensitive> end") {
				t.Errorf("shown:\n%s", all)
			}
		})
	}
}

// Packer hides the exact value of a sensitive variable. A plugin doesn't know
// which value that is, so it shows each exactly.
func TestOptionsAreShownPlainly(t *testing.T) {
	const value = `Yw8"quo\te$!`
	for name, raw := range map[string]any{
		"HCL":  cty.ObjectVal(map[string]cty.Value{"tags": cty.MapVal(map[string]cty.Value{"a": cty.StringVal(value)})}),
		"JSON": map[string]any{"tags": []any{map[string]any{"a": value}}},
	} {
		t.Run(name, func(t *testing.T) {
			all := everything(t, leaky{texts: messages(t, value)}, raw)
			if rest := strings.ReplaceAll(all, value, ""); strings.Contains(rest, "Yw8") {
				t.Errorf("shown:\n%s", rest)
			}
		})
	}
}

// One secret may begin with another, and short values are not looked for.
func TestSecretsInSecrets(t *testing.T) {
	HideSecrets("Xv7a", "Xv7abcd", "no")
	if got := texts.in("Xv7abcd Xv7a no"); got != "<sensitive> <sensitive> no" {
		t.Error(got)
	}
}
