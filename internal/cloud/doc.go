// Package cloud is one region of one AWS account: the [Session] with its clients
// and retries, what errors mean, how long to wait for EC2 ([Waits]), pages, tags,
// and the [Ledger] of what a build creates. It knows nothing of Packer or its
// options.
//
// Every resource is in the ledger before the request for it is sent, so a
// resource whose answer was lost is found again and removed with the rest:
//
//	id, err := ledger.Create(ctx, resource, request)
//	ledger.Undo(ctx) // on failure
//
// Packages snapshot, ami and instance each have a [Resource] of their own.
//
// There is one retry layer: the AWS SDK's, as [Connect] sets it up, or a [Pace] for
// blocks, which many workers send or read at once.
package cloud
