// Package ec2ami makes an AMI of a raw disk that PV-GRUB boots, and launches
// instances to test it. It knows EC2 and EBS and nothing of Packer.
//
// The calls go in one direction, each taking what the one before it gave:
//
//	session, _ := Connect(ctx, Options{Region: "eu-west-1"})
//	plan, _    := session.Plan(ctx, request)      // nothing is created
//	snapshot   := session.Upload(ctx, plan, disk, ledger)
//	image      := session.Register(ctx, plan, snapshot, ledger)
//	ledger.Undo(ctx, session.Waits)               // on failure
//
// [Session.Plan] asks everything that can be asked before the first byte goes
// up: credentials, the PV-GRUB kernel image (AKI), whether the region runs PV
// instances, and whether the AMI's name is free.
//
// An instance goes the same way:
//
//	plan, _     := session.PlanLaunch(ctx, request)  // nothing is created
//	instance, _ := session.Launch(ctx, plan, ledger) // in a temporary security group
//	session.AwaitRunning(ctx, instance)
//	go session.WatchInstance(ctx, instance)          // ends when the instance does
//	ledger.Undo(ctx, session.Waits)                  // always
//
// Every resource is in the [Ledger] before it is asked for, so that one whose
// answer was lost is found again and removed with the rest.
//
// There is one retry layer, the AWS SDK's, as [Connect] sets it up.
package ec2ami
