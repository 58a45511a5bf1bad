// Package acceptance runs the real plugin under the real packer, against the
// local EC2. The scenarios are the scripts in testdata. In addition to
// testscript's commands they can use:
//
//	localec2 [-snapshot-pending D] [-copy-pending D] [-latency D] [-import-time D] [-no-import-role] [-no-instances] [FAULT]...
//	                 starts a local EC2 for the script and sets the AWS variables
//	bucket NAME      makes an S3 bucket in us-east-1
//	resources        prints the resources that exist, one per line
//	calls            prints the calls so far, with consecutive calls of an action
//	                 on one line
//	interrupt ACTION COMMAND...
//	                 runs a command, interrupts it with Ctrl-C once the action has
//	                 been called, and prints its output and exit status
//	killed ACTION COMMAND...
//	                 runs packer and kills it once the action has been called
//	nothingleft [launched | outside REGION]
//	                 waits until no resources are left except empty buckets, or with
//	                 "launched" no instances and security groups, or with "outside"
//	                 none in other regions
//	interruptat FILE COMMAND...
//	                 like interrupt, once the file exists and is not empty
//	webserver FILE   serves it as web.xen and web.xen.gz below $HTTP and $HTTPS,
//	                 and truncated as $HTTP/cut; its checksum is $CHECKSUM
//	ramdisk FILE INIT
//	                 writes the sample image's ramdisk with another init program
//	amiid            sets $AMI to the ID of the only AMI
//	register FILE    registers an unmodified raw disk as an AMI and sets $AMI
//	readback REGION FILE
//	                 writes the region's only snapshot to a file
//
// The kernels are from Debian: $GRUB64 and $GRUB32 are GRUB 2 for Xen PV, $MACH32
// is GNU Mach for Xen PV, $MACH_MULTIBOOT is GNU Mach, and $PVH is GRUB 2 for PVH.
// $XEN_MULTIBOOT is Xen itself, and $VMLINUZ is Linux for it. $LINUX_DISK is the disk
// of examples/linux-disk.
package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2"
	"github.com/unikernel-ami/packer-plugin-unikernel/internal/oracle"
)

func TestScripts(t *testing.T) {
	packer := oracle.Need(t, "packer")
	images := oracle.DebianImages(t)
	plugins := installPlugin(t, packer)
	examples, hello := absolute(t, "../examples"), absolute(t, "../build/hello")
	if _, err := os.Stat(hello); err != nil {
		oracle.Missing(t, "no sample image at "+hello)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	cache = filepath.Join(cache, "packer-plugin-unikernel") // the same as xenpv's; scripts have their own HOME
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"localec2":    cmdLocalEC2,
			"resources":   cmdResources,
			"calls":       cmdCalls,
			"interrupt":   cmdInterrupt,
			"webserver":   cmdWebServer,
			"interruptat": cmdInterruptAt,
			"killed":      cmdKilled,
			"nothingleft": cmdNothingLeft,
			"bucket":      cmdBucket,
			"readback":    cmdReadBack,
			"ramdisk":     cmdRamdisk,
			"register":    cmdRegister,
			"amiid":       cmdAMIID,
		},
		// [oracle:NAME] is true if the program is installed. If it isn't but is
		// required, the script fails.
		Condition: func(cond string) (bool, error) {
			name, ok := strings.CutPrefix(cond, "oracle:")
			if !ok {
				return false, fmt.Errorf("unknown condition %q", cond)
			}
			return oracle.Find(name)
		},
		Setup: func(env *testscript.Env) error {
			env.Values[serverKey{}] = new(*localec2.Running)
			env.Setenv("PATH", filepath.Dir(plugins)+":"+filepath.Dir(packer)+":"+oracle.Path())
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("PACKER_PLUGIN_PATH", plugins)
			env.Setenv("PACKER_CONFIG_DIR", env.WorkDir)
			env.Setenv("PACKER_NO_COLOR", "1")
			env.Setenv("CHECKPOINT_DISABLE", "1")
			env.Setenv("TMPDIR", env.WorkDir)
			env.Setenv("EXAMPLES", examples)
			env.Setenv("HELLO", hello)
			env.Setenv("XENPV_CACHE", cache)
			env.Setenv("GRUB64", filepath.Join(images, "grub-x86_64-xen.bin"))
			env.Setenv("GRUB32", filepath.Join(images, "grub-i386-xen.bin"))
			env.Setenv("MACH32", filepath.Join(images, "gnumach-i386.gz"))
			env.Setenv("XEN_MULTIBOOT", filepath.Join(images, "xen-hypervisor.gz"))
			env.Setenv("VMLINUZ", filepath.Join(images, "vmlinuz-cloud-amd64"))
			env.Setenv("LINUX_DISK", filepath.Join(images, linuxDisk))
			env.Setenv("MACH_MULTIBOOT", filepath.Join(images, "gnumach-486.gz"))
			env.Setenv("PVH", filepath.Join(images, "grub-i386-xen_pvh.bin"))
			return nil
		},
	})
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// installPlugin builds the plugin and installs it into a temporary directory, as
// "make dev" does for a user.
func installPlugin(t *testing.T, packer string) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "packer-plugin-unikernel")
	run(t, nil, "go", "build", "-o", binary, "../plugin")
	run(t, nil, "go", "build", "-o", filepath.Join(dir, "xenpv"), "../xenpv/cmd/xenpv")
	plugins := filepath.Join(dir, "plugins")
	run(t, []string{"PACKER_PLUGIN_PATH=" + plugins, "PACKER_CONFIG_DIR=" + dir, "CHECKPOINT_DISABLE=1"},
		packer, "plugins", "install", "--path", binary, "github.com/unikernel-ami/unikernel")
	return plugins
}

func run(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, output)
	}
}
