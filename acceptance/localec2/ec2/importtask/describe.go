package importtask

import (
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/query"
	"github.com/unikernel-ami/packer-plugin-unikernel/acceptance/localec2/resource"
)

// taskItem is a task in an answer.
type taskItem struct {
	ID          string         `xml:"importTaskId"`
	Description string         `xml:"description,omitempty"`
	Detail      detail         `xml:"snapshotTaskDetail"`
	Tags        []resource.Tag `xml:"tagSet>item"`
}

func (i taskItem) TagList() []resource.Tag { return i.Tags }

type detail struct {
	Description string     `xml:"description,omitempty"`
	Size        int64      `xml:"diskImageSize"`
	Encrypted   bool       `xml:"encrypted"`
	Format      string     `xml:"format"`
	KmsKeyID    string     `xml:"kmsKeyId,omitempty"`
	Progress    string     `xml:"progress,omitempty"`
	SnapshotID  string     `xml:"snapshotId,omitempty"`
	Status      string     `xml:"status"`
	Message     string     `xml:"statusMessage,omitempty"`
	Bucket      userBucket `xml:"userBucket"`
}

type userBucket struct {
	Bucket string `xml:"s3Bucket"`
	Key    string `xml:"s3Key"`
}

func (s *Tasks) item(t *task) taskItem {
	status, message, progress := t.status(s.acct.Now())
	d := detail{
		Description: t.request.description, Size: t.size, Encrypted: t.request.encrypted, Format: t.request.format, KmsKeyID: t.request.kmsKey,
		Progress: progress, Status: status, Message: message, Bucket: userBucket{t.request.bucket, t.request.key},
	}
	if status == completed {
		d.SnapshotID = t.snapshot
	}
	return taskItem{ID: t.ID, Description: t.request.description, Detail: d, Tags: t.Tags.List()}
}

var taskFilters = query.Filters[taskItem]{
	"task-state": func(i taskItem) []string { return []string{i.Detail.Status} },
}

type describeResponse struct {
	query.Response
	Tasks     []taskItem `xml:"importSnapshotTaskSet>item"`
	NextToken string     `xml:"nextToken,omitempty"`
}

func (s *Tasks) describeTasks(c *query.Call) (any, error) {
	tasks, next, err := query.Describe(s.acct, c, taskType, query.Paging{Min: 1, Max: 1000, IDs: "ImportTaskId"}, s.regions[c.Region], taskFilters, s.item)
	return &describeResponse{Tasks: tasks, NextToken: next}, err
}
