package component

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A board says a line every ten seconds until it is closed.
func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lines []string
		board := NewBoard(func(line string) { lines = append(lines, line) })
		board.Step("us-west-2", "copying")
		board.Step("eu-west-1", "copying")
		board.Step("sa-east-1", "queued")
		time.Sleep(boardPace + time.Second)
		board.Done("eu-west-1", "ami-1 is available")
		board.Done("us-west-2", "ami-2 is available")
		board.Done("sa-east-1", "stopped")
		board.Close()
		board.Close()
		time.Sleep(2 * boardPace)
		want := []string{
			"copying: eu-west-1, us-west-2; queued: sa-east-1 (10s)",
			"eu-west-1: ami-1 is available", "us-west-2: ami-2 is available", "sa-east-1: stopped",
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Error(diff)
		}
	})
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
