// Package cloud is one region of one AWS account: the way in ([Connect]), what
// errors mean, how long EC2 is waited for ([Waits]), pages, tags, and the
// [Ledger] of what a build creates. It knows nothing of Packer or its options.
//
// Every resource is in the ledger before it is asked for, so that one whose
// answer was lost is found again and removed with the rest:
//
//	id, err := ledger.Create(ctx, resource, request)
//	ledger.Undo(ctx) // on failure
//
// Packages snapshot, ami and instance each bring their own kinds of [Resource].
//
// There is one retry layer, the AWS SDK's, as [Connect] sets it up.
package cloud
