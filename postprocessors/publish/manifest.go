package publish

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// A manifest describes a release. docs/post-processors/publish.md has its schema.
type manifest struct {
	Schema       int                       `json:"schema"`
	Name         string                    `json:"name"`
	Version      string                    `json:"version,omitempty"`
	Environment  string                    `json:"environment,omitempty"`
	Architecture string                    `json:"architecture"`
	System       string                    `json:"system,omitempty"`
	Content      string                    `json:"content,omitempty"`
	SmokeTest    *smokeTest                `json:"smoke_test,omitempty"`
	Regions      map[string]manifestRegion `json:"regions"`
	Tool         string                    `json:"tool"`
	Published    time.Time                 `json:"published"`
}

// manifestSchema is the version of the manifest's form. It changes if a field
// is removed or changes its meaning.
const manifestSchema = 1

type manifestRegion struct {
	AMI        string   `json:"ami"`
	Name       string   `json:"name"`
	Snapshots  []string `json:"snapshots"`
	Kernel     string   `json:"kernel,omitempty"`
	BootMethod string   `json:"boot_method,omitempty"`
	Parameters []string `json:"ssm_parameters,omitempty"`
}

// smokeTest is the result of the smoke test.
type smokeTest struct {
	Verdict string `json:"verdict"`
	Time    string `json:"time,omitempty"`
}

// newManifest describes the release. The first region stands for what is the same
// in all of them.
func (r *release) newManifest(now time.Time) manifest {
	first := r.targets[0]
	of := first.names()
	m := manifest{
		Schema: manifestSchema, Name: of.Family, Version: of.Version, Environment: of.Environment, Architecture: of.Architecture,
		System: first.tag(cloud.SystemTag), Content: first.tag(cloud.ContentTag), SmokeTest: r.smokeTest(),
		Regions: map[string]manifestRegion{}, Tool: r.tool, Published: now.UTC().Truncate(time.Second),
	}
	for _, t := range r.targets {
		m.Regions[t.session.Region] = manifestRegion{
			AMI: t.id, Name: aws.ToString(t.image.Name), Snapshots: t.snapshots, Kernel: aws.ToString(t.image.KernelId),
			BootMethod: t.tag(cloud.BootMethodTag), Parameters: t.parameters,
		}
	}
	return m
}

// smokeTest returns the result of the test in this build, or the one that the
// tags of an AMI have.
func (r *release) smokeTest() *smokeTest {
	var result struct {
		Verdict string    `json:"verdict"`
		Started time.Time `json:"started"`
	}
	if json.Unmarshal([]byte(r.artifact.Result), &result) == nil && result.Verdict != "" {
		return &smokeTest{result.Verdict, result.Started.UTC().Format(time.RFC3339)}
	}
	for _, t := range r.targets {
		if verdict := t.tag(cloud.ResultTag); verdict != "" {
			return &smokeTest{verdict, t.tag(cloud.TimeTag)}
		}
	}
	return nil
}

// writeManifest writes the manifest, and its digest in the form of sha256sum.
func (r *release) writeManifest(now time.Time) error {
	path := r.config.Manifest
	if path == "" {
		return nil
	}
	text, err := json.MarshalIndent(r.newManifest(now), "", "  ")
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	text = append(text, '\n')
	sum := fmt.Sprintf("%x  %s\n", sha256.Sum256(text), filepath.Base(path))
	if err := errors.Join(replace(path, text), replace(path+".sha256", []byte(sum))); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	r.ui.Say("manifest: " + path)
	return nil
}

// replace writes a file that everybody may read, all of it or nothing.
func replace(path string, text []byte) error {
	temporary := path + ".new"
	if err := os.WriteFile(temporary, text, 0o644); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}

// writable reports, before anything is published, whether the manifest can be
// written.
func writable(path string) error {
	if path == "" {
		return nil
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("manifest is %s: the directory %s does not exist: create it first", path, filepath.Dir(path))
	} else if err != nil {
		return fmt.Errorf("manifest is %s, which is not writable: %w", path, err)
	}
	return errors.Join(file.Close(), os.Remove(file.Name()))
}

// table shows the release on Packer's UI.
func (r *release) table() string {
	var b strings.Builder
	of := r.targets[0].names()
	fmt.Fprintf(&b, "published %s", strings.TrimSpace(of.Family+" "+of.Version))
	if of.Environment != "" {
		fmt.Fprintf(&b, " for %s", of.Environment)
	}
	b.WriteString(":\n")
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  REGION\tAMI\tSNAPSHOT\tBOOT METHOD\tPARAMETERS")
	for _, t := range r.targets {
		cells := []string{t.session.Region, t.id, strings.Join(t.snapshots, " "), t.tag(cloud.BootMethodTag), strings.Join(t.parameters, " ")}
		for i, cell := range cells {
			if cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, "  "+strings.Join(cells, "\t"))
	}
	_ = w.Flush() // a strings.Builder does not fail
	return strings.TrimRight(b.String(), "\n")
}
