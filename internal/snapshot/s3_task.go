package snapshot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/unikernel-ami/packer-plugin-unikernel/internal/cloud"
)

// An ImportError is returned if AWS could not import a disk.
type ImportError struct {
	Task   string
	Status string // "deleting" or "deleted"
	Reason string // what AWS says
}

func (e ImportError) Error() string {
	return fmt.Sprintf("%s was %s: %s", e.Task, e.Status, cmp.Or(e.Reason, "AWS gave no reason"))
}

// importObject imports an object and returns the snapshot, which then is in the
// ledger instead of the task.
func (s *S3Import) importObject(ctx context.Context, request Request, o *object, ledger *cloud.Ledger) (string, error) {
	id, err := ledger.Create(ctx, task{s.Session, request.BuildID}, func(sent *cloud.Attempts) (string, error) {
		answer, err := s.EC2.ImportSnapshot(ctx, s.importInput(request, o), sent.OnEC2)
		if err != nil {
			return "", err
		}
		return aws.ToString(answer.ImportTaskId), nil
	})
	if err != nil {
		return "", err
	}
	snapshot, err := s.awaitTask(ctx, id)
	if err == nil {
		ledger.Add(Resource(s.Session), snapshot)
		ledger.Strike(id)
	} else if _, ended := errors.AsType[ImportError](err); ended {
		ledger.Strike(id)
	}
	return snapshot, err
}

func (s *S3Import) importInput(request Request, o *object) *ec2.ImportSnapshotInput {
	input := &ec2.ImportSnapshotInput{
		ClientToken: aws.String(request.clientToken()),
		Description: aws.String(request.Description),
		RoleName:    aws.String(s.Role),
		DiskContainer: &types.SnapshotDiskContainer{
			Description: aws.String(request.Description),
			Format:      aws.String("RAW"),
			UserBucket:  &types.UserBucket{S3Bucket: aws.String(s.Bucket), S3Key: aws.String(o.key)},
		},
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeImportSnapshotTask, Tags: cloud.SortedTags(taskTags(request))}},
	}
	if request.Encryption.Encrypt {
		input.Encrypted = aws.Bool(true)
	}
	if key := request.Encryption.KMSKeyARN; key != "" {
		input.KmsKeyId = aws.String(key)
	}
	return input
}

// taskTags are those of the snapshot, except for the role.
func taskTags(request Request) map[string]string {
	tags := map[string]string{}
	maps.Copy(tags, request.Tags)
	tags[cloud.BuildTag], tags[cloud.RoleTag] = request.BuildID, cloud.RoleImport
	return tags
}

// awaitTask waits until the task is completed, and returns its snapshot. AWS
// deletes a task that has failed.
func (s *S3Import) awaitTask(ctx context.Context, id string) (snapshot string, err error) {
	said := ""
	err = s.Waits.Await(ctx, id, s.Waits.Import, func(ctx context.Context) (string, bool, error) {
		detail, err := describeTask(ctx, s.Session, id)
		if err != nil || detail == nil {
			return "not visible yet", false, err
		}
		state, message := aws.ToString(detail.Status), aws.ToString(detail.StatusMessage)
		switch state {
		case "completed":
			snapshot = aws.ToString(detail.SnapshotId)
			return state, true, nil
		case "deleting", "deleted":
			return state, false, ImportError{id, state, message}
		}
		status := cmp.Or(message, state)
		if percent := aws.ToString(detail.Progress); percent != "" {
			status += ", " + percent + "%"
		}
		if status != said {
			said = status
			s.say("import " + id + ": " + status)
		}
		return status, false, nil
	})
	return snapshot, err
}

// describeTask returns the state of a task, or nil if EC2 doesn't know it yet.
func describeTask(ctx context.Context, s *cloud.Session, id string) (*types.SnapshotTaskDetail, error) {
	answer, err := s.EC2.DescribeImportSnapshotTasks(ctx, &ec2.DescribeImportSnapshotTasksInput{ImportTaskIds: []string{id}})
	if cloud.HasCode(err, "InvalidConversionTaskId") {
		return nil, nil //nolint:nilnil // no task and no error
	}
	if err != nil || len(answer.ImportSnapshotTasks) == 0 {
		return nil, err
	}
	return answer.ImportSnapshotTasks[0].SnapshotTaskDetail, nil
}

// task is the ledger's view of an import task, and of the snapshot that it makes.
type task struct {
	session *cloud.Session
	build   string
}

func (t task) Session() *cloud.Session { return t.session }

func (t task) Describe(id string) string {
	if id == "" {
		return fmt.Sprintf("the import task with the tag %s=%s in %s, if there is one", cloud.BuildTag, t.build, t.session.Region)
	}
	return fmt.Sprintf("%s, and its snapshot (aws ec2 cancel-import-task --region %s --import-task-id %[1]s)", id, t.session.Region)
}

func (t task) Find(ctx context.Context) (string, error) {
	tasks, err := cloud.All(ctx, ec2.NewDescribeImportSnapshotTasksPaginator(t.session.EC2, &ec2.DescribeImportSnapshotTasksInput{}),
		func(page *ec2.DescribeImportSnapshotTasksOutput) []types.ImportSnapshotTask {
			return page.ImportSnapshotTasks
		})
	for _, one := range tasks {
		for _, tag := range one.Tags {
			if aws.ToString(tag.Key) == cloud.BuildTag && aws.ToString(tag.Value) == t.build {
				return aws.ToString(one.ImportTaskId), nil
			}
		}
	}
	return "", err
}

// Remove cancels a task, or deletes the snapshot of one that was faster.
func (t task) Remove(ctx context.Context, id string) error {
	detail, err := describeTask(ctx, t.session, id)
	if err != nil {
		return err
	}
	if detail == nil {
		return cloud.ErrGone
	}
	switch aws.ToString(detail.Status) {
	case "completed":
		return Resource(t.session).Remove(ctx, aws.ToString(detail.SnapshotId))
	case "deleting", "deleted":
		return cloud.ErrGone
	}
	_, err = t.session.EC2.CancelImportTask(ctx, &ec2.CancelImportTaskInput{ImportTaskId: aws.String(id)})
	if cloud.HasCode(err, "IncorrectState") {
		return cloud.ErrInUse // it has just ended: look again
	}
	return err
}
