// Package localec2 is an embedded EC2: one HTTP server on the loopback
// interface that speaks the EC2 Query API (version 2016-11-15), the EBS direct
// APIs and STS, so that "packer build", the AWS SDKs, awscli and boto3 make an
// AMI, and run instances of it, with no AWS account. The program cmd/localec2 serves it for scripts.
//
//	srv, err := localec2.Start(localec2.Options{})
//	defer srv.Close()
//	cmd.Env = append(os.Environ(), srv.Env()...)
//
// # What is real
//
// All data is: a snapshot holds the blocks that were put, checked by their
// SHA-256, and gives back those bytes. Names, ids, tags, filters, paging, dry
// runs, client tokens, quotas and time-outs follow AWS's rules, and what AWS
// refuses is refused with AWS's error code and HTTP status. Snapshots and
// images are pending for a while ([Options]), and can be invisible at first.
//
// Actions of EC2: DescribeImages, RegisterImage, DeregisterImage,
// DescribeSnapshots, DeleteSnapshot, CreateTags, DeleteTags, DescribeTags,
// DescribeRegions, DescribeAvailabilityZones, DescribeInstanceTypes,
// DescribeInstanceTypeOfferings; RunInstances, DescribeInstances,
// DescribeInstanceStatus, StartInstances, StopInstances, RebootInstances,
// TerminateInstances, GetConsoleOutput, DescribeNetworkInterfaces; those that
// create, describe and delete VPCs, subnets, internet gateways and security groups, with
// ModifySubnetAttribute (MapPublicIpOnLaunch), AttachInternetGateway and
// DetachInternetGateway, DescribeRouteTables, CreateRoute and DeleteRoute (of
// the main table, to a gateway), and the four that authorize and revoke
// security group rules. Of STS: GetCallerIdentity. Of the EBS direct APIs: all
// six.
//
// # Instances
//
// An instance fetches its root volume from the image's snapshot, block by block
// by the EBS direct APIs, and boots it under Xen in QEMU (package
// xenpv/hypervisor, whose manual says what that needs). The image's kernel
// decides how: an AKI of the kind hd0 finds menu.lst in PV-GRUB's documented
// places, one of the kind hd00 in the first partition only.
// Xen's pygrub reads the menu, or a pv-grub that [Options].PVGRUB names; which
// of the two is in the log and in the console's first line.
//
// DHCP gives the guest its private address: one of its subnet, or the one
// asked for, by AWS's rules. Its public address is its own, of 127.0.0.0/24,
// and answers on the ports that its groups open to callers, that is by a rule
// for TCP, UDP or all protocols whose CIDR block holds 127.0.0.1, provided that
// its VPC routes 0.0.0.0/0 to its internet gateway. A TCP port refuses
// connections until the guest accepts them, and again when the guest has ended;
// it opens 0.1 s or so after the guest listens. That holds for the 32 ports with
// the narrowest rules, a rule as a whole: those of wider ones are QEMU's, which
// accepts connections all the time, whether the guest does or not. Ports below
// 1024 are for root on many systems (on Linux: sysctl
// net.ipv4.ip_unprivileged_port_start); one that can't be had is told of on the
// console, and the others are forwarded.
//
// This machine itself answers pings to 127.0.0.0/8. To ping a guest, GET
// /_localec2/ping?address=127.0.0.N: 200 and {"seconds": 0.004} when the guest
// has answered; 504 when it hasn't within 2 seconds, or there is no guest that
// runs; 403 when no group of the instance admits ICMP echo requests from
// 127.0.0.1; 404 when no instance has the address; each of these with a sentence
// as text.
//
// Where there is no QEMU or Xen, the console and the log say so, and instances
// never answer. A guest that powers off stops or terminates its instance, as
// InstanceInitiatedShutdownBehavior says; one that crashed, or could not be
// started, leaves it running, with the instance status "impaired". [Running.Close] ends all guests. A
// killed server leaves no guest and no file: QEMU ends with it, and a volume is
// a file without a name in the temporary folder.
//
// # What is added to a console
//
// Lines that begin with "localec2: " or "xenpv: " are not the guest's. These are
// stable; explanations may follow on the lines after:
//
//	xenpv: started by pygrub                       (or "pv-grub FILE"; the first line)
//	localec2: the guest has powered off
//	localec2: the guest reboots
//	localec2: the guest ended: crash               (the last line)
//	localec2: the guest could not be started: WHY
//	localec2: PV-GRUB finds nothing to start: WHY
//	localec2: tcp 127.0.0.2:80 to port 80 can't be forwarded: WHY
//
// Where pygrub or xl can't start what menu.lst names, the console ends as under
// EC2's PV-GRUB, which waits for ever: with its prompt "grubdom> " where there is
// no menu.lst or no entry in it, with "Error 15: File not found" where the kernel
// or ramdisk isn't there, with "Error 9: Unknown boot failure" where the kernel
// isn't one for Xen PV; the latter two are followed by "Press any key to
// continue...". A pv-grub of one's own ([Options].PVGRUB) says such things itself.
//
// # Callers
//
// Service, region and access key come from the Signature Version 4 in the
// Authorization header. It must be well formed, sign the host and all X-Amz
// headers, and be dated within 15 minutes of the real time. There is one
// account, and any key and secret will do, except that a key which begins with
// [DeniedKeyPrefix] is allowed nothing (UnauthorizedOperation or
// AccessDeniedException; GetCallerIdentity needs no permission), and one which
// begins with [UnknownKeyPrefix] is not known.
//
// # Regions
//
// The 17 commercial regions that need no opting in, four that do (and have
// not: AuthFailure), GovCloud and China. Each has its own resources. PV-GRUB
// kernels are there, with Amazon's own ids, wherever they are known to exist.
// Paravirtual images can be registered in us-east-1, us-west-1, us-west-2,
// eu-west-1, eu-central-1, ap-northeast-1, ap-southeast-1, ap-southeast-2,
// sa-east-1, us-gov-west-1 and cn-north-1.
//
// # Faults and a look inside
//
// [Server.Inject] delays, throttles, refuses, fails or cuts calls, before or
// after they take effect. [Server.Calls] tells what was called,
// [Server.Resources] what exists. Over HTTP: GET /_localec2/calls, GET
// /_localec2/resources, POST /_localec2/faults with one [ParseFault] text to a
// line, DELETE /_localec2/faults, and the ping above. These need no signature.
//
// # What differs from AWS
//
//   - Signatures are not verified: the server has no secrets. Presigned URLs,
//     GET requests to the Query APIs and HTTPS are not served.
//   - Services other than these three get NotImplemented (501).
//   - Policies, launch permissions and sharing do not exist: images and
//     snapshots are the account's own, or Amazon's kernels.
//   - Nothing is throttled of itself; the quotas on rates are not kept. The
//     quota of 100 pending snapshots is.
//   - Encrypted snapshots are marked so and not encrypted; no key is checked.
//   - Kernels have an invented creation date, and the owner 137112412989 also
//     outside the commercial partition.
//   - A dry run is answered after the parameters were checked.
//   - Unknown on AWS, decided here: BootMode, TpmSupport, UefiData, EnaSupport
//     and SriovNetSupport are refused for paravirtual images
//     (InvalidParameterCombination), as is a kernel of the other architecture;
//     an unknown kernel is InvalidAMIID.NotFound; a snapshot that is not
//     completed is IncorrectState; a paravirtual image in a region without
//     them is UnsupportedOperation; a client token dies with its snapshot
//     (unless Options.TokensOutlive); CompleteSnapshot again while the
//     snapshot is still pending is no error;
//     of a ValidationException's reasons only INVALID_PARAMETER_VALUE for
//     unreadable block data is known from AWS.
//   - Eventual consistency is all or nothing and lasts as long as
//     Options.Invisible says, for every caller alike.
//   - What a guest writes to its disk is lost when it stops or reboots, so
//     StopInstances and TerminateInstances end it at once. Only the root device
//     is attached, and RunInstances takes no BlockDeviceMapping but for the root
//     device's DeleteOnTermination. There are no volumes, so none is left behind.
//   - Which ports are open is settled when an instance is launched or started;
//     rules that are added later wait for that. At most 512 ports are
//     forwarded, those of the narrowest rules first. A port that no rule opens
//     refuses connections at once; EC2 drops them in silence.
//   - Rules for IPv6, and for what goes out, are kept and have no effect.
//   - There is no metadata service: 169.254.169.254 lies outside the guest's
//     subnet, where QEMU's network can't answer. User data is checked, and lost.
//   - What calls a guest comes from its own subnet, so a guest with a wrong
//     gateway, or none, answers all the same.
//   - Instances don't reach each other at their private addresses.
//   - Disks on which pygrub finds more than PV-GRUB does (a grub.cfg beside
//     menu.lst) boot by that. Xen decides by itself whether it starts a kernel
//     of 32 or 64 bits: the AKI's architecture is compared with the image's only.
//   - Instances of HVM images run, and never answer. There are no key pairs,
//     volumes or interfaces of one's own. The IAM instance profiles that exist
//     are those of [Options].InstanceProfiles. Spot instances are launched at
//     once, at a price of 0.001 dollars. Console output is there at once, not after
//     minutes, and instance status checks ask the hypervisor, not the guest.
//   - Instances are launched as long as three quarters of this machine's memory
//     hold them ([Options].MemoryMiB), then InsufficientInstanceCapacity.
//   - A paravirtual image without a kernel can't be launched (MissingParameter);
//     how EC2 refuses it is not known.
//   - Block data is kept in memory, equal blocks once; nothing is on disk, so
//     a killed server leaves nothing behind and forgets everything.
package localec2
