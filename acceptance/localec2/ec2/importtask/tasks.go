// Package importtask implements ImportSnapshot: tasks that make a snapshot of an
// object in S3.
package importtask

import (
	"fmt"
	"time"

	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/account"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/snapshot"
)

// Statuses of a task.
const (
	active    = "active"
	completed = "completed"
	deleted   = "deleted" // failed, or canceled
)

var taskType = resource.Type{
	Prefix: "import-snap", Name: "import-snapshot-task", Label: "import task",
	NotFound: "InvalidConversionTaskId", Malformed: "InvalidConversionTaskId.Malformed",
}

// Objects are the objects in S3.
type Objects interface {
	Region(bucket string) string
	Object(bucket, key string) ([]byte, bool)
}

// Options configures tasks.
type Options struct {
	Time  time.Duration // from the request until a task is completed
	Roles []string      // IAM roles that VM Import can assume
}

// Tasks are the import tasks of all regions. The caller must hold EC2's lock.
type Tasks struct {
	acct      *account.Account
	snapshots *snapshot.Store
	objects   Objects
	opts      Options
	regions   map[string]map[string]*task
	tokens    map[string]map[string]*task // by region and client token
}

// New returns no tasks.
func New(acct *account.Account, snapshots *snapshot.Store, objects Objects, opts Options) *Tasks {
	return &Tasks{acct, snapshots, objects, opts, map[string]map[string]*task{}, map[string]map[string]*task{}}
}

// task is an import task. Its status follows from its times.
type task struct {
	resource.Common
	region, snapshot string
	request          request
	size             int64 // of the object
	started, ends    time.Time
	length           time.Duration // if it succeeds
	failure          string        // the message of a task that fails when it ends; "" if it succeeds
	canceled         bool
}

// status returns a task's status, its message and its progress.
func (t *task) status(now time.Time) (status, message, progress string) {
	switch {
	case t.canceled:
		return deleted, "deleted", ""
	case !now.Before(t.ends) && t.failure != "":
		return deleted, t.failure, ""
	case !now.Before(t.ends):
		return completed, "", ""
	}
	return progressAt(float64(now.Sub(t.started)) / float64(t.length))
}

// progressAt divides the time of a task: a fifth is pending, a fifth validating.
func progressAt(done float64) (status, message, progress string) {
	switch {
	case done < 0.2:
		return active, "pending", "3"
	case done < 0.4:
		return active, "validating", "19"
	}
	return active, "converting", fmt.Sprintf("%.0f", 100*done)
}

// Info describes a task that is active.
type Info struct {
	ID      string            `json:"id"`
	Message string            `json:"message"`
	Tags    map[string]string `json:"tags,omitempty"`
}

// Inspect returns the active tasks of a region.
func (s *Tasks) Inspect(region string) []Info {
	now := s.acct.Now()
	tasks := []Info{}
	for _, t := range resource.Visible(now.Add(s.acct.Invisible), s.regions[region]) {
		if status, message, _ := t.status(now); status == active {
			tasks = append(tasks, Info{t.ID, message, t.Tags})
		}
	}
	return tasks
}

// Taggable returns a task by its id, or nil if the id is that of another kind of
// resource.
func (s *Tasks) Taggable(region, id string) (resource.Resource, error) {
	if len(id) < len(taskType.Prefix) || id[:len(taskType.Prefix)] != taskType.Prefix {
		return nil, nil //nolint:nilnil // the caller asks all kinds of resources
	}
	return resource.Find(s.acct.Now(), s.regions[region], taskType, id)
}

// EachTagged calls add for every task that callers can see.
func (s *Tasks) EachTagged(region string, add func(resource.Type, *resource.Common)) {
	for _, t := range resource.Visible(s.acct.Now(), s.regions[region]) {
		add(taskType, &t.Common)
	}
}

// Actions returns the actions on import tasks.
func (s *Tasks) Actions() map[string]query.Action {
	return map[string]query.Action{
		"ImportSnapshot": {
			Params: []string{"ClientData", "ClientToken", "Description", "DiskContainer", "Encrypted", "KmsKeyId", "RoleName", "TagSpecification"},
			Run:    s.importSnapshot,
		},
		"DescribeImportSnapshotTasks": {
			Params: []string{"Filter", "ImportTaskId", "MaxResults", "NextToken"},
			Run:    s.describeTasks,
		},
		"CancelImportTask": {Params: []string{"CancelReason", "ImportTaskId"}, Run: s.cancelTask},
	}
}
