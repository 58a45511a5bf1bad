package component

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestBoard(t *testing.T) {
	var mu sync.Mutex
	var lines []string
	board := newBoard(func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}, 5*time.Millisecond)
	board.Step("us-west-2", "copying")
	board.Step("eu-west-1", "copying")
	board.Step("sa-east-1", "queued")
	time.Sleep(50 * time.Millisecond)
	board.Done("eu-west-1", "ami-1 is available")
	board.Done("us-west-2", "ami-2 is available")
	board.Done("sa-east-1", "stopped")
	board.Close()
	board.Close()
	said := len(lines)
	time.Sleep(20 * time.Millisecond)
	if said != len(lines) || lines[0] != "copying: eu-west-1, us-west-2; queued: sa-east-1 (0s)" {
		t.Errorf("said %q", lines)
	}
	if diff := cmp.Diff([]string{"eu-west-1: ami-1 is available", "us-west-2: ami-2 is available", "sa-east-1: stopped"}, lines[said-3:]); diff != "" {
		t.Error(diff)
	}
}

func TestTable(t *testing.T) {
	got := Table([][]string{{"REGION", "AMI"}, {"eu-west-1", "ami-1"}})
	if got != "REGION     AMI\neu-west-1  ami-1" {
		t.Errorf("table\n%s", got)
	}
}

func TestRefuse(t *testing.T) {
	if err := Refuse(nil, errors.Join(nil), errors.New(`ami_id is "<unknown>"`)); err != nil {
		t.Errorf("error %v", err)
	}
	err := Refuse(errors.New("a"), errors.Join(errors.New("b"), errors.Join(errors.New("c"))))
	if err == nil || !strings.Contains(err.Error(), "3 error(s)") {
		t.Errorf("error %v", err)
	}
}
