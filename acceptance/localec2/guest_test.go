package localec2

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestInstanceByCLI runs an instance with Debian's awscli, in the default VPC.
func TestInstanceByCLI(t *testing.T) {
	path := debian(t, "aws")
	l := startXen(t, Defaults())
	ami := l.helloAMI("console=hvc0 quiet hello=cli")
	run := func(args ...string) string {
		t.Helper()
		out, err := l.aws(path, append([]string{"--output", "text", "ec2"}, args...)...)
		if err != nil {
			t.Fatalf("aws ec2 %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(out)
	}
	group := run("create-security-group", "--group-name", "web", "--description", "test", "--query", "GroupId")
	run("authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "80", "--cidr", "0.0.0.0/0")
	run("authorize-security-group-ingress", "--group-id", group, "--protocol", "tcp", "--port", "8080", "--cidr", "0.0.0.0/0")
	run("authorize-security-group-ingress", "--group-id", group, "--protocol", "icmp", "--port", "-1", "--cidr", "0.0.0.0/0")
	id := run("run-instances", "--image-id", *ami, "--instance-type", "t1.micro", "--security-group-ids", group, "--query", "Instances[0].InstanceId")
	run("wait", "instance-running", "--instance-ids", id)
	address := run("describe-instances", "--instance-ids", id, "--query", "Reservations[0].Instances[0].PublicIpAddress")
	if got := l.page(&id, &address); !strings.Contains(got, "hello=cli") {
		t.Errorf("the page is %q", got)
	}
	refuses(t, address+":81")
	refuses(t, address+":8080") // the group opens it, and the guest doesn't listen
	var answer struct{ Seconds float64 }
	if status, body := l.ping(address); status != http.StatusOK || json.Unmarshal([]byte(body), &answer) != nil || answer.Seconds <= 0 {
		t.Errorf("a ping of the guest: %d %q", status, body)
	}
	refuses(t, "127.0.0.1:80")
	console := run("get-console-output", "--instance-id", id, "--query", "Output")
	if !strings.Contains(console, "started by pygrub") || !strings.Contains(console, "hello: serving on port 80") {
		t.Errorf("the console shows %q", console)
	}
	run("terminate-instances", "--instance-ids", id)
	run("wait", "instance-terminated", "--instance-ids", id)
	refuses(t, address+":80")
	run("delete-security-group", "--group-id", group)
	if n := machines(t); n != 0 {
		t.Errorf("%d QEMU processes are left", n)
	}
}

// TestInstanceInOwnVPC has a guest live at a fixed address in a VPC of one's
// own, and closes the server with the instance running.
func TestInstanceInOwnVPC(t *testing.T) {
	t.Run("running", func(t *testing.T) {
		l := startXen(t, Defaults())
		n := l.ownVPC()
		in := launching(l.helloAMI("console=hvc0 quiet"))
		in.InstanceType = types.InstanceTypeT1Micro
		in.NetworkInterfaces = []types.InstanceNetworkInterfaceSpecification{{
			DeviceIndex: aws.Int32(0), SubnetId: n.subnet, Groups: []string{*n.group}, PrivateIpAddress: aws.String("10.0.0.10"), AssociatePublicIpAddress: aws.Bool(true),
		}}
		id := l.launch(in).InstanceId
		running := l.settle(id, "running")
		refuses(t, *running.PublicIpAddress+":80") // it boots
		l.page(id, running.PublicIpAddress)
		if c := l.console(id); !strings.Contains(c, "lease of 10.0.0.10 obtained") {
			t.Errorf("the console shows %q", c)
		}
	})
	if got := machines(t); got != 0 {
		t.Errorf("%d QEMU processes are left", got)
	}
}

// TestGuestEnds has guests end by themselves: one powers off, which ends its
// instance; one crashes, which does not.
func TestGuestEnds(t *testing.T) {
	l := startXen(t, Defaults())
	kernel := assemble(t)
	launch := func(commandLine string) *string {
		in := launching(l.bake(kernel, "", commandLine))
		in.InstanceType, in.InstanceInitiatedShutdownBehavior = types.InstanceTypeT1Micro, types.ShutdownBehaviorTerminate
		return l.launch(in).InstanceId
	}
	poweroff, crash := launch("power off"), launch("crash")
	if gone := l.settle(poweroff, "terminated"); *gone.StateReason.Code != "Client.InstanceInitiatedShutdown" {
		t.Errorf("its end's reason is %+v", gone.StateReason)
	}
	if c := l.console(poweroff); c != "xenpv: started by pygrub\nguest says: power off\r\nlocalec2: the guest has powered off\r\n" {
		t.Errorf("its console shows %q", c)
	}
	l.says(crash, "localec2: the guest ended: crash\r\n")
	if c := l.console(crash); !strings.HasSuffix(c, "\r\nlocalec2: the guest ended: crash\r\n") {
		t.Errorf("its console shows %q", c)
	}
	l.settle(crash, "running")
	status := must(l.ec2.DescribeInstanceStatus(l.ctx, &ec2.DescribeInstanceStatusInput{InstanceIds: []string{*crash}}))(t).InstanceStatuses[0]
	if status.InstanceStatus.Status != "impaired" {
		t.Errorf("the status of a guest that crashed is %s", status.InstanceStatus.Status)
	}
}

// TestDiskThatDoesNotBoot shows on the console what PV-GRUB would, after why.
func TestDiskThatDoesNotBoot(t *testing.T) {
	l := startXen(t, Defaults())
	kernel := assemble(t)
	for name, test := range map[string]struct {
		replaced   []string
		says, ends string
	}{
		"no kernel": {
			[]string{" /boot/kernel", " /boot/absent"},
			"localec2: the guest could not be started: pygrub found nothing to boot: menu.lst names a file that is not on the disk\r\n",
			"\r\n\r\nError 15: File not found\r\n\r\nPress any key to continue...\r\n",
		},
		"not PV": {
			[]string{"\x00\x00\x00Xen\x00", "\x00\x00\x00Hen\x00"},
			"localec2: the guest could not be started: xl could not create the domain: the kernel is not one that Xen starts as a paravirtual guest\r\n",
			"\r\n\r\nxc_dom_parse_image returned -1\r\n\r\nError 9: Unknown boot failure\r\n\r\nPress any key to continue...\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := launching(l.bake(kernel, "", "", test.replaced...))
			in.InstanceType = types.InstanceTypeT1Micro
			id := l.launch(in).InstanceId
			l.says(id, test.ends)
			if c := l.console(id); !strings.Contains(c, test.says) || !strings.HasSuffix(c, test.ends) {
				t.Errorf("its console shows %q", c)
			}
			if status := l.settle(id, "running"); status.StateReason != nil {
				t.Errorf("its state's reason is %v", *status.StateReason.Message)
			}
			l.terminate(id)
		})
	}
}

// TestPVGRUB has the test guest in pv-grub's place: it is started with
// menu.lst's place. The instance is stopped, started and rebooted.
func TestPVGRUB(t *testing.T) {
	opts := Defaults()
	opts.PVGRUB = assemble(t)
	l := startXen(t, opts)
	ami := l.register("empty", l.waited(l.emptyDisk()))
	l.available(ami)
	in := launching(ami)
	in.InstanceType = types.InstanceTypeT1Micro
	id := l.launch(in).InstanceId
	once := "xenpv: started by pv-grub " + opts.PVGRUB + "\nguest says: (hd0,0)/boot/grub/menu.lst\r\n"
	l.says(id, once)
	l.settle(id, "running")
	must(l.ec2.RebootInstances(l.ctx, &ec2.RebootInstancesInput{InstanceIds: []string{*id}}))(t)
	again := once + "localec2: the guest reboots\r\n" + once
	l.says(id, again)
	must(l.ec2.StopInstances(l.ctx, &ec2.StopInstancesInput{InstanceIds: []string{*id}}))(t)
	l.settle(id, "stopped")
	if n := machines(t); n != 0 {
		t.Errorf("%d QEMU processes are left", n)
	}
	must(l.ec2.StartInstances(l.ctx, &ec2.StartInstancesInput{InstanceIds: []string{*id}}))(t)
	l.says(id, again+once)
}
