// Package localec2 is a local EC2: one HTTP server on the loopback interface
// that speaks the EC2 Query API (version 2016-11-15), the EBS direct APIs, S3,
// the Parameter Store of SSM, STS and IAM's GetRole. With it, "packer build",
// the AWS SDKs, awscli and boto3 create AMIs and run instances of them without
// an AWS account. The program cmd/localec2 serves it to scripts.
//
//	srv, err := localec2.Start(localec2.Options{})
//	defer srv.Close()
//	cmd.Env = append(os.Environ(), srv.Env()...)
//
// # What is real
//
// All data is real: a snapshot stores the blocks that were written, checks their
// SHA-256, and returns the same bytes. Names, ids, tags, filters, paging, dry
// runs, client tokens, quotas and timeouts follow AWS's rules. What AWS rejects
// is rejected with AWS's error code and HTTP status. Snapshots and images are
// pending for a while ([Options]), and can be invisible at first.
//
// EC2 actions: DescribeImages, RegisterImage, DeregisterImage, CopyImage,
// DescribeImageAttribute, ModifyImageAttribute (launch permissions,
// product codes and description), ResetImageAttribute, EnableImageDeprecation,
// DisableImageDeprecation, the two that enable and disable deregistration
// protection, the three actions on block public access for AMIs (off at first),
// the six on encryption by default and its key (GetEbsEncryptionByDefault and so
// on), DescribeSnapshots, DeleteSnapshot,
// DescribeSnapshotAttribute, ModifySnapshotAttribute (permissions), CreateTags, DeleteTags, DescribeTags,
// DescribeRegions, DescribeAvailabilityZones, DescribeInstanceTypes,
// DescribeInstanceTypeOfferings; RunInstances, DescribeInstances,
// DescribeInstanceStatus, StartInstances, StopInstances, RebootInstances,
// TerminateInstances, GetConsoleOutput, DescribeNetworkInterfaces,
// GetInstanceMetadataDefaults, ModifyInstanceMetadataDefaults; the actions
// that create, describe and delete VPCs, subnets, internet gateways and
// security groups; ModifySubnetAttribute (MapPublicIpOnLaunch),
// AttachInternetGateway, DetachInternetGateway; DescribeRouteTables,
// CreateRoute and DeleteRoute (main table only, to a gateway); the four
// actions that authorize and revoke security group rules; CreateLaunchTemplate,
// CreateLaunchTemplateVersion, DescribeLaunchTemplateVersions and
// DeleteLaunchTemplate; ImportSnapshot, DescribeImportSnapshotTasks and
// CancelImportTask. STS: GetCallerIdentity, AssumeRole,
// AssumeRoleWithWebIdentity, GetSessionToken, DecodeAuthorizationMessage. IAM:
// GetRole. EBS direct APIs: all six. SSM: PutParameter, GetParameter, GetParameters,
// GetParametersByPath, DeleteParameter and DeleteParameters. S3: the actions on
// buckets, objects, versions and multipart uploads that package s3 names, with the
// bucket in the path, as the SDKs do for an endpoint that is an IP address.
//
// # Imports
//
// ImportSnapshot reads the object when it is called. Its task is active for
// [Options].ImportTime, with the status messages pending, validating and
// converting, and then completed: callers find a snapshot whose bytes are those of
// the object, padded with zeros to whole GiB. A task that fails or is canceled is
// deleted, and its status message has the reason. The role must be one of
// [Options].ImportRoles, by default only vmimport. As on AWS, the tags of a task
// are not those of its snapshot, which has none.
//
// # Who may call
//
// The server listens only on a loopback address, and trusts every program on this
// machine. It refuses what a web page of another origin makes a browser send
// (Host, Origin, Sec-Fetch-Site), so that no page can launch instances or read
// resources. It closes connections whose headers take more than 30 seconds, or
// whose requests take more than 5 minutes.
//
// # Instances
//
// An instance reads its root volume from the image's snapshot, block by block,
// through the EBS direct APIs, and boots it under Xen in QEMU (see package
// xenpv/hypervisor for the requirements). An HVM image boots from its boot
// sector. A paravirtual image boots as its kernel decides: an hd0 AKI finds
// menu.lst in PV-GRUB's documented places, an hd00 AKI only in the first
// partition. Xen's pygrub reads the menu, or the pv-grub set in
// [Options].PVGRUB; the log and the first line of the console name the one in
// use.
//
// DHCP gives the guest its private address: one from its subnet, or the
// requested one, by AWS's rules. Each instance also has a public address of its
// own in 127.0.0.0/24. It answers on the ports that the instance's security
// groups open to callers: by a rule for TCP, UDP or all protocols whose CIDR
// block contains 127.0.0.1, if the VPC routes 0.0.0.0/0 to its internet gateway.
// A TCP port refuses connections until the guest listens (plus about 0.1 s), and
// again after the guest has ended. This holds for the 32 ports with the narrowest
// rules, a rule as a whole; ports of wider rules belong to QEMU, which accepts
// connections whether the guest listens or not. On many systems, ports below
// 1024 need root (on Linux, see sysctl net.ipv4.ip_unprivileged_port_start). The
// console names each port that can't be opened; the other ports are forwarded.
//
// This machine itself answers pings to 127.0.0.0/8. To ping a guest, send
// GET /_localec2/ping?address=127.0.0.N. The status is 200, with
// {"seconds": 0.004}, if the guest answered; 504 if it didn't answer within 2
// seconds, or no guest is running; 403 if no security group of the instance
// allows ICMP echo requests from 127.0.0.1; 404 if no instance has the address.
// Errors have a text body with the reason.
//
// Without QEMU or Xen, the console and the log say so, and instances never
// answer. A guest that powers off stops or terminates its instance, as set by
// InstanceInitiatedShutdownBehavior. A guest that crashed or could not be started
// leaves its instance running, with the instance status "impaired".
// [Running.Close] ends all guests. A killed server leaves no guests and no files:
// QEMU ends with it, and a volume is an unnamed file in the temporary directory.
//
// # What is added to a console
//
// Lines that begin with "localec2: " or "xenpv: " are not the guest's. These are
// stable; explanations may follow on the next lines:
//
//	xenpv: started by pygrub                       (or "pv-grub FILE"; the first line)
//	localec2: the guest has powered off
//	localec2: the guest reboots
//	localec2: the guest ended: crash               (the last line)
//	localec2: the guest could not be started: WHY
//	localec2: PV-GRUB finds nothing to start: WHY
//	localec2: tcp 127.0.0.2:80 to port 80 can't be forwarded: WHY
//
// If pygrub or xl can't start what menu.lst names, the console ends as it does
// under EC2's PV-GRUB, which waits forever: with the prompt "grubdom> " if
// menu.lst is missing or has no entry; with "Error 15: File not found" if the
// kernel or ramdisk is missing; with "Error 9: Unknown boot failure" if the
// kernel isn't a Xen PV kernel. The two errors are followed by "Press any key to
// continue...". A pv-grub set in [Options].PVGRUB prints its own messages.
//
// # Callers
//
// Service, region and access key come from the Signature Version 4 in the
// Authorization header. It must be well formed, sign the host and all X-Amz
// headers, and be dated within 15 minutes of the real time. There is one account.
// Any key and secret work, except that a key that begins with [DeniedKeyPrefix]
// has no permissions (UnauthorizedOperation or AccessDeniedException;
// GetCallerIdentity needs none), and a key that begins with [UnknownKeyPrefix] is
// unknown.
//
// STS gives out temporary keys. Their token is checked, and they expire after
// the DurationSeconds asked for ([Options].SessionLifetime replaces it):
// ExpiredToken, or RequestExpired from EC2 and ExpiredTokenException from the EBS
// direct APIs. All roles of the account exist. Their names decide what they need:
//
//	mfa-…       a code, or keys that were given out for one (AccessDenied)
//	external-…  the external ID "localec2" (AccessDenied)
//	denied-…    nothing, but the role has no permissions
//
// The MFA device is arn:aws:iam::ACCOUNT:mfa/localec2. It accepts the codes
// 123456, 234567 and 345678, each once, as AWS does. The only valid web identity
// token is "localec2". EC2 adds an encoded message to UnauthorizedOperation, which
// DecodeAuthorizationMessage decodes into who was denied which action.
//
// # Regions
//
// The 17 commercial regions that are enabled by default, four that are not
// enabled (AuthFailure), GovCloud and China. Each has its own resources. PV-GRUB
// kernels exist, with Amazon's own ids, in every region that is known to have
// them. Paravirtual images can be registered in us-east-1, us-west-1, us-west-2,
// eu-west-1, eu-central-1, ap-northeast-1, ap-southeast-1, ap-southeast-2,
// sa-east-1, us-gov-west-1 and cn-north-1.
//
// # Faults and inspection
//
// [Server.Inject] delays, throttles, refuses, fails or cuts calls, before or
// after they take effect. With the kind [EndPending], RunInstances succeeds, but
// its instances go from pending to terminated with the state reason
// Server.InternalError; CopyImage succeeds, but its image goes from pending to
// failed; ImportSnapshot succeeds, but its task fails. [Server.Calls] returns the
// calls so far,
// [Server.Resources] the resources that exist. Over HTTP: GET /_localec2/calls,
// GET /_localec2/resources, POST /_localec2/faults with one fault per line (see
// [ParseFault]), DELETE /_localec2/faults, and the ping above. These need no
// signature.
//
// # What differs from AWS
//
//   - Signatures are not verified: the server has no secrets. Presigned URLs,
//     GET requests to the Query APIs and HTTPS are not served.
//   - Session policies and session tags are accepted and have no effect. The
//     decoded message names the resource "*" and no statements.
//   - Services other than these return NotImplemented (501).
//   - Policies do not exist. There is one account, which owns all images and
//     snapshots but Amazon's kernels. Permissions on images and snapshots are
//     stored, shown and used as filters (ExecutableBy, RestorableBy), but no other
//     account can use them. Account ids need 12 digits; 000000000000 stands for an
//     account that doesn't exist.
//   - Nothing is throttled unless a fault does it. Rate quotas are not enforced;
//     the quota of 100 pending snapshots is.
//   - S3 compares no checksums except Content-MD5, and encrypts nothing. It has no
//     bucket policies, and a request is at most 64 MiB.
//   - ImportSnapshot converts RAW only. A task for another format fails, as AWS's
//     does for a file that is not of its format.
//   - Unknown on AWS, decided here: the task for an object that doesn't exist
//     or is empty fails; a task that has ended can't be canceled
//     (IncorrectState); a canceled task has the status message "deleted"; the
//     blocks of zeros of an imported snapshot are not listed; tasks are described
//     forever; the description of the snapshot.
//   - IAM roles can't be created, and each is trusted by VM Import.
//   - Encrypted snapshots are marked as encrypted, but are not. There is no KMS:
//     every key exists whose ARN is of the region and the account, and Amazon's
//     own key has an invented id. ModifyEbsDefaultKmsKeyId accepts ARNs only.
//   - Unknown on AWS, decided here: deregistering a protected image is
//     OperationNotPermitted; the states of the protection in DescribeImages, such
//     as enabled-without-cooldown; launching an encrypted image on a type that
//     doesn't support that is InvalidParameterCombination.
//   - Kernels have an invented creation date, and the owner 137112412989 also
//     outside the commercial partition.
//   - A dry run is answered after the parameters were checked.
//   - Only the limit on pending copies to a region is enforced
//     ([Options].CopyLimit, ResourceLimitExceeded), not that on time-based copies.
//     A copy to an Outpost or a Local Zone is not served.
//   - Assumed for CopyImage: EC2 has no parameter for the kernel of a paravirtual
//     copy, and AWS documents only that a copy doesn't boot if its region lacks
//     the source's version of PV-GRUB. So the copy gets the region's kernel of the
//     same name and, if there is none, keeps the source's id. A copy shows the id
//     of its snapshot from the start, and may be deregistered while it is pending;
//     that leaves its snapshot. A region that is unknown, or is in another
//     partition, is InvalidParameterValue; a source that is pending or failed is
//     InvalidAMIID.Unavailable. A key of another region makes the copy fail after
//     its time: AWS documents that keys are checked asynchronously.
//   - Unknown on AWS, decided here: BootMode, TpmSupport, UefiData, EnaSupport
//     and SriovNetSupport are rejected for paravirtual images
//     (InvalidParameterCombination), as is a kernel of the other architecture;
//     an unknown kernel is InvalidAMIID.NotFound; a snapshot that is not
//     completed is IncorrectState; a paravirtual image in a region without
//     them is UnsupportedOperation; a client token dies with its snapshot
//     (unless Options.TokensOutlive is set); a repeated CompleteSnapshot while
//     the snapshot is still pending is not an error;
//     a bad user or group in ModifySnapshotAttribute is InvalidParameterValue, and
//     sharing an encrypted snapshot publicly is OperationNotPermitted; a
//     deprecation date in the past is InvalidParameterValue;
//     of the reasons of a ValidationException, only INVALID_PARAMETER_VALUE for
//     unreadable block data is known from AWS.
//   - Eventual consistency is all or nothing. It lasts as long as
//     Options.Invisible, for every caller alike.
//   - What a guest writes to its disk is lost when it stops or reboots, so
//     StopInstances and TerminateInstances end it at once. Only the root device
//     is attached. RunInstances accepts a BlockDeviceMapping only for the root
//     device's DeleteOnTermination. There are no volumes, so none is left behind.
//   - The open ports are fixed when an instance is launched or started; rules
//     that are added later take effect at the next start. At most 512 ports are
//     forwarded, those of the narrowest rules first. A port that no rule opens
//     refuses connections at once; EC2 drops them silently.
//   - Rules for IPv6 and for outbound traffic are stored but have no effect.
//   - There is no metadata service: 169.254.169.254 is outside the guest's
//     subnet, where QEMU's network can't answer. User data is checked and
//     discarded. The service's options are checked and shown. They come from the
//     request, the account's defaults (ModifyInstanceMetadataDefaults) or the
//     image, in this order. With HttpTokensEnforced, a launch that doesn't require
//     IMDSv2 is refused with AWS's documented UnsupportedOperation. There are no
//     declarative policies.
//   - There are no Dedicated Hosts: a host is InvalidHostID.NotFound, the tenancy
//     "host" is InsufficientHostCapacity. "dedicated" is shown, and has no effect.
//     The codes for contradictory placements are assumed
//     (InvalidParameterCombination), as is that of an unknown host resource group
//     (InvalidParameterValue).
//   - Callers reach a guest from its own subnet, so a guest with a wrong gateway,
//     or none, answers anyway.
//   - Instances don't reach each other at their private addresses.
//   - If pygrub finds more on a disk than PV-GRUB does (a grub.cfg next to
//     menu.lst), it boots that. Xen decides whether it starts a 32-bit or a
//     64-bit kernel: the AKI's architecture is compared only with the image's.
//   - HVM images boot on types of the Xen system (t2, m4 and c4, for example).
//     On Nitro types, their instances run but never answer.
//   - There are no key pairs, no separate volumes and no separate network
//     interfaces. The IAM instance profiles that exist are those in
//     [Options].InstanceProfiles. Spot instances are launched at once, at a price
//     of 0.001 dollars. Console output is available at once, not after minutes,
//     and instance status checks ask the hypervisor, not the guest.
//   - Instances are launched as long as three quarters of this machine's memory
//     can hold them ([Options].MemoryMiB), then InsufficientInstanceCapacity.
//   - A paravirtual image without a kernel can't be launched (MissingParameter);
//     the error that EC2 returns is not known.
//   - Launch templates have an image and an instance type, which are not checked.
//     The first version is the default one. Instances can't be launched from them.
//   - Parameters are standard ones of the types String and StringList, without
//     policies, patterns, labels and filters; tags are checked and discarded. A
//     value of the data type aws:ec2:image must be an AMI's id. As on AWS, it is
//     looked up after the answer, and is dropped silently if the region has no such
//     AMI that is available; here that is decided at once.
//   - Block data is kept in memory, equal blocks once. Nothing is on disk, so a
//     killed server leaves nothing behind and forgets everything.
//
// # Layout
//
// This package routes requests, and has what all services share. A service is a
// package that returns an api.Service:
//
//	api        the seam: call, service, protocol, error
//	query      the Query protocol with forms, XML, filters, pages and tags
//	ec2        EC2: regions and tags; network, image, importtask, instance and template below it
//	ebs        the EBS direct APIs
//	ssm        parameters of Systems Manager
//	sts        STS: callers, roles and MFA
//	s3         S3, by gofakes3
//	iam        GetRole
//	snapshot   the snapshots that EBS writes and EC2 describes
//	guest      the guests of instances, the only user of xenpv/hypervisor
//	account, regions, resource, token, sigv4, fault, record   shared parts
package localec2
