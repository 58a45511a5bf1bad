package acceptance

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ebs"
	godiff "github.com/google/go-cmp/cmp"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
	"github.com/unikernel-ami/packer-plugin-unikernel/templates"
	"github.com/unikernel-ami/packer-plugin-unikernel/xenpv"
)

// A templateCase describes the files that a template needs, and the AMIs that it
// builds, one for each environment.
type templateCase struct {
	image     string            // Debian's image that stands in for the kernel; default: a PV kernel
	noMenu    bool              // the disk has no menu.lst
	kernel    string            // path at which the template, or its configuration, expects the kernel
	files     map[string]string // contents of the other files, by path
	arguments map[string]string // of the kernel, by environment
	onDisk    map[string]string // data that the disk must contain, by environment
}

var templateCases = map[string]templateCase{
	"ling": {
		kernel: "web.img",
		files: map[string]string{"domain_config": `name = "web"
kernel = "web.img"
extra = "-dhcp -s web -home /web -pz /web/ebin"
memory = 64
vif = []
`},
		arguments: map[string]string{"dev": "-dhcp -s web -home /web -pz /web/ebin"},
	},
	"mirage": {
		kernel:    "web.xen",
		arguments: map[string]string{"dev": "", "staging": "", "prod": ""},
	},
	"halvm": {
		kernel:    "web",
		arguments: map[string]string{"dev": "--stage=dev --verbose", "staging": "--stage=staging", "prod": "--stage=prod"},
	},
	"rumprun": {
		kernel: "web.bin",
		files:  map[string]string{"config/dev.json": rumprunJSON("dev"), "config/staging.json": rumprunJSON("staging"), "config/prod.json": rumprunJSON("prod")},
		arguments: map[string]string{
			"dev": "_RUMPRUN_ROOTFSCFG=/json.cfg", "staging": "_RUMPRUN_ROOTFSCFG=/json.cfg", "prod": "_RUMPRUN_ROOTFSCFG=/json.cfg",
		},
		onDisk: map[string]string{"dev": rumprunJSON("dev"), "staging": rumprunJSON("staging"), "prod": rumprunJSON("prod")},
	},
	"osv": {
		kernel: "build/release/loader.elf",
		arguments: map[string]string{
			"dev": "--verbose --env=STAGE=dev /web.so", "staging": "--env=STAGE=staging /web.so", "prod": "--env=STAGE=prod /web.so",
		},
	},
	"unikraft": {
		kernel:    "build/web_xen-x86_64",
		arguments: map[string]string{"dev": "-- --stage=dev --verbose", "staging": "-- --stage=staging", "prod": "-- --stage=prod"},
	},
	"solo5": {
		image: "gnumach-486.gz", noMenu: true, kernel: "dist/web.xen",
		arguments: map[string]string{"dev": "-l *:debug", "staging": "", "prod": ""},
		onDisk:    map[string]string{"dev": "-l *:debug"},
	},
	"disk": {
		image: linuxDisk, noMenu: true, kernel: "disk.raw",
		arguments: map[string]string{"dev": "", "staging": "", "prod": ""},
	},
	"clickos": {kernel: "build/clickos_x86_64", arguments: map[string]string{"dev": ""}},
	"minios":  {kernel: "mini-os.gz", arguments: map[string]string{"dev": ""}},
}

// linuxDisk is the disk of examples/linux-disk, beside Debian's images.
const linuxDisk = "../linux-disk/disk.raw"

func rumprunJSON(stage string) string {
	return `{"rc": [{"bin": "web", "argv": []}], "env": "A=1", "env": "STAGE=` + stage + `",
 "net": {"if": "xenif0", "cloner": "true", "type": "inet", "method": "dhcp"}}
`
}

// Each template is formatted, valid and complete: with a kernel at the default
// path, packer builds its AMIs without further options.
func TestTemplates(t *testing.T) {
	packer := oracle.Need(t, "packer")
	images := oracle.DebianImages(t)
	plugins := installPlugin(t, packer)
	for _, system := range templates.Systems() {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			test := templateCases[system]
			f := newTemplateDir(t, system, packer, plugins)
			f.write(test.kernel, readFile(t, filepath.Join(images, cmp.Or(test.image, "grub-x86_64-xen.bin"))))
			for name, text := range test.files {
				f.write(name, []byte(text))
			}
			f.packer("fmt", "-check", "-diff")
			f.packer("validate")
			f.packer("build")
			f.check(test)
			f.write("unikernel.pkr.hcl", uncommented(t, readFile(t, filepath.Join(f.dir, "unikernel.pkr.hcl"))))
			f.packer("fmt", "-check", "-diff")
			f.packer("validate")
			for environment, arguments := range test.arguments {
				if advice := (&xenpv.Report{System: system}).Advice(arguments); len(advice) > 0 {
					t.Errorf("the arguments for %s are flawed: %v", environment, advice)
				}
			}
		})
	}
}

// uncommented returns a template with the post-processors that it has as comments.
func uncommented(t *testing.T, template []byte) []byte {
	t.Helper()
	before, examples, ok := bytes.Cut(template, []byte("in the same block, for example:\n"))
	if !ok {
		t.Fatal("the template has no examples of post-processors")
	}
	return append(append(before, '\n'), bytes.ReplaceAll(examples, []byte("    # "), []byte("    "))...)
}

// railing stands in for LING's railing. It writes the same files as "railing image
// -n NAME -e EXTRAS".
const railing = `#!/bin/sh
echo "Link $3"
cp "$KERNEL" "$3.img"
cat > domain_config <<END
name = "$3"
kernel = "$3.img"
extra = "$5 -home /$3 -pz /$3/ebin"
vif = []
END
`

// One packer build goes from source code to the AMI: it runs railing first.
func TestLINGTemplateRunsRailing(t *testing.T) {
	packer := oracle.Need(t, "packer")
	t.Setenv("KERNEL", filepath.Join(oracle.DebianImages(t), "grub-x86_64-xen.bin"))
	f := newTemplateDir(t, "ling", packer, installPlugin(t, packer))
	f.write("railing", []byte(railing))
	output := f.packer("build", "-var", "environment=prod", "-var", "build_command=./railing image -n hello -e '-dhcp -s hello'")
	if !bytes.Contains(output, []byte("unikernel-ami.ling: Link hello\n")) {
		t.Errorf("railing's output isn't shown:\n%s", output)
	}
	f.check(templateCase{arguments: map[string]string{"prod": "-dhcp -s hello -home /hello -pz /hello/ebin"}})
}

// A templateDir is a directory with a template, and a local EC2.
type templateDir struct {
	t      *testing.T
	dir    string
	binary string
	env    []string
	server *localec2.Running
}

// newTemplateDir creates a directory with the template.
func newTemplateDir(t *testing.T, system, packer, plugins string) *templateDir {
	t.Helper()
	text, err := templates.Get(system)
	if err != nil {
		t.Fatal(err)
	}
	server, err := localec2.Start(localec2.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	f := &templateDir{t: t, dir: t.TempDir(), binary: packer, server: server}
	f.env = append(append(os.Environ(), server.Env()...), "PACKER_PLUGIN_PATH="+plugins, "PACKER_CONFIG_DIR="+f.dir,
		"PACKER_NO_COLOR=1", "CHECKPOINT_DISABLE=1", "HOME="+f.dir)
	f.write("unikernel.pkr.hcl", []byte(text))
	return f
}

func (f *templateDir) write(name string, data []byte) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o755); err != nil {
		f.t.Fatal(err)
	}
}

// packer runs packer with the template.
func (f *templateDir) packer(args ...string) []byte {
	f.t.Helper()
	cmd := exec.Command(f.binary, append(args, "unikernel.pkr.hcl")...)
	cmd.Dir, cmd.Env = f.dir, f.env
	output, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("packer %s: %v\n%s", args, err, output)
	}
	return output
}

// check compares the AMIs, including the contents of their snapshots, with the
// expected ones.
func (f *templateDir) check(test templateCase) {
	f.t.Helper()
	made := f.server.Resources()["us-east-1"]
	name := regexp.MustCompile(`^(web|middlebox)-([a-z]+)-[0-9]+$`)
	got := map[string]string{}
	for _, image := range made.Images {
		environment := image.Tags["Environment"]
		if match := name.FindStringSubmatch(image.Name); match == nil || match[2] != environment || image.State != "available" {
			f.t.Errorf("AMI %q for %s is %s", image.Name, environment, image.State)
		}
		disk := f.readBack(image.Snapshots[0])
		if !bytes.Contains(disk, []byte(test.onDisk[environment])) {
			f.t.Errorf("the disk for %s does not contain %q", environment, test.onDisk[environment])
		}
		if test.noMenu {
			got[environment] = test.arguments[environment]
			continue
		}
		line := regexp.MustCompile(`\nkernel /boot/kernel ?(.*)\n`).FindSubmatch(disk)
		if line == nil {
			f.t.Fatalf("the disk for %s has no menu.lst", environment)
		}
		got[environment] = string(line[1])
	}
	if diff := godiff.Diff(test.arguments, got); diff != "" {
		f.t.Errorf("arguments in menu.lst, by environment (-want +got):\n%s", diff)
	}
	if len(made.Snapshots) != len(test.arguments) {
		f.t.Errorf("%d snapshots, want %d", len(made.Snapshots), len(test.arguments))
	}
}

// readBack returns the contents of a snapshot, up to the last block that was
// written.
func (f *templateDir) readBack(snapshot string) []byte {
	f.t.Helper()
	client := ebs.New(ebs.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(f.server.URL()),
		Credentials:  credentials.NewStaticCredentialsProvider("AKIATEST", "secret", ""),
	})
	file, err := os.Create(filepath.Join(f.dir, snapshot))
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	if err := copySnapshot(f.t.Context(), client, snapshot, file); err != nil {
		f.t.Fatal(err)
	}
	return readFile(f.t, file.Name())
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
