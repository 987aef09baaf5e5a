package failure

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"without advice": {errors.New("disk full"), "lab: cause: disk full\n"},
		"with a fix":     {New("run lab/up", "no %s", "network"), "lab: cause: no network\nlab: fix:   run lab/up\n"},
		"with a log": {
			&Failure{Cause: errors.New("san ended"), Log: "/lab/log/san.log"}, "lab: cause: san ended\nlab: log:   /lab/log/san.log\n",
		},
		"wrapped": {
			fmt.Errorf("status: %w", New("run lab/up", "no network")), "lab: cause: status: no network\nlab: fix:   run lab/up\n",
		},
		"joined": {
			errors.Join(errors.New("one"), New("run lab/up", "two")), "lab: cause: one\nlab:        two\nlab: fix:   run lab/up\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got strings.Builder
			Print(&got, "lab", c.err)
			if got.String() != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got.String(), c.want)
			}
		})
	}
}

func TestTheCauseCanBeInspected(t *testing.T) {
	if err := New("create it", "reading the key: %w", fs.ErrNotExist); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v does not wrap its cause", err)
	}
}
