package component

import (
	"context"
	"fmt"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"
	"github.com/zclconf/go-cty/cty"
)

// DiscreetBuilder returns a source that shows and returns no secret. Its errors
// have the words of [Explain].
func DiscreetBuilder(b packersdk.Builder) packersdk.Builder { return discreetBuilder{b} }

type discreetBuilder struct{ packersdk.Builder }

func (b discreetBuilder) Prepare(raws ...any) (generated, warnings []string, err error) {
	noteOptions(raws)
	generated, warnings, err = b.Builder.Prepare(raws...)
	for i, warning := range warnings {
		warnings[i] = texts.in(warning)
	}
	return generated, warnings, discreetError(err)
}

func (b discreetBuilder) Run(ctx context.Context, ui packersdk.Ui, hook packersdk.Hook) (packersdk.Artifact, error) {
	artifact, err := b.Builder.Run(ctx, discreetUi{ui}, hook)
	return artifact, discreetError(Explain(err))
}

// DiscreetPostProcessor returns a post-processor that shows and returns no
// secret. Its errors have the words of [Explain].
func DiscreetPostProcessor(p packersdk.PostProcessor) packersdk.PostProcessor {
	return discreetPostProcessor{p}
}

type discreetPostProcessor struct{ packersdk.PostProcessor }

func (p discreetPostProcessor) Configure(raws ...any) error {
	noteOptions(raws)
	return discreetError(p.PostProcessor.Configure(raws...))
}

func (p discreetPostProcessor) PostProcess(ctx context.Context, ui packersdk.Ui, source packersdk.Artifact) (packersdk.Artifact, bool, bool, error) {
	artifact, keep, force, err := p.PostProcessor.PostProcess(ctx, discreetUi{ui}, source)
	return artifact, keep, force, discreetError(Explain(err))
}

// DiscreetDatasource returns a data source whose errors show no secret, and have
// the words of [Explain].
func DiscreetDatasource(d packersdk.Datasource) packersdk.Datasource { return discreetDatasource{d} }

type discreetDatasource struct{ packersdk.Datasource }

func (d discreetDatasource) Configure(raws ...any) error {
	noteOptions(raws)
	return discreetError(d.Datasource.Configure(raws...))
}

func (d discreetDatasource) Execute() (cty.Value, error) {
	value, err := d.Datasource.Execute()
	return value, discreetError(Explain(err))
}

// noteOptions reads the strings of all options, as Packer passes them for HCL
// and for JSON templates.
func noteOptions(raws []any) {
	for _, raw := range raws {
		noteOption(raw)
	}
}

func noteOption(raw any) {
	switch value := raw.(type) {
	case string:
		showPlainly(value)
	case []any:
		noteOptions(value)
	case map[string]any:
		for _, one := range value {
			noteOption(one)
		}
	case cty.Value:
		_ = cty.Walk(value, func(_ cty.Path, one cty.Value) (bool, error) { // the function returns no error
			if one.IsKnown() && !one.IsNull() && one.Type() == cty.String {
				showPlainly(one.AsString())
			}
			return true, nil
		})
	}
}

// discreet is an error with another text.
type discreet struct {
	error
	text string
}

func (e discreet) Error() string { return e.text }

func (e discreet) Unwrap() error { return e.error }

func discreetError(err error) error {
	if err == nil {
		return nil
	}
	if text := texts.in(err.Error()); text != err.Error() {
		return discreet{err, text}
	}
	return err
}

// discreetUi filters all that Packer shows. A progress bar shows no text of ours.
type discreetUi struct{ packersdk.Ui }

func (u discreetUi) Ask(text string) (string, error) { return u.Ui.Ask(texts.in(text)) }

func (u discreetUi) Askf(format string, args ...any) (string, error) {
	return u.Ask(fmt.Sprintf(format, args...))
}

func (u discreetUi) Say(text string) { u.Ui.Say(texts.in(text)) }

func (u discreetUi) Sayf(format string, args ...any) { u.Say(fmt.Sprintf(format, args...)) }

func (u discreetUi) Message(text string) { u.Say(text) }

func (u discreetUi) Error(text string) { u.Ui.Error(texts.in(text)) }

func (u discreetUi) Errorf(format string, args ...any) { u.Error(fmt.Sprintf(format, args...)) }

func (u discreetUi) Machine(name string, args ...string) {
	filtered := make([]string, len(args))
	for i, arg := range args {
		filtered[i] = texts.in(arg)
	}
	u.Ui.Machine(name, filtered...)
}
