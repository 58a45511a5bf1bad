// Package localec2 is an embedded EC2: one HTTP server on the loopback
// interface that speaks the EC2 Query API (version 2016-11-15), the EBS direct
// APIs and STS, so that "packer build", the AWS SDKs, awscli and boto3 make an
// AMI with no AWS account. The program cmd/localec2 serves it for scripts.
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
// DescribeRegions, DescribeAvailabilityZones, DescribeInstanceTypes. Of STS: GetCallerIdentity. Of the
// EBS direct APIs: all six.
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
// line, DELETE /_localec2/faults. These need no signature.
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
//   - Block data is kept in memory, equal blocks once; nothing is on disk, so
//     a killed server leaves nothing behind and forgets everything.
package localec2
