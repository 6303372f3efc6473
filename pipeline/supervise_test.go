package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vsr/media"
)

func TestSupervise(t *testing.T) {
	lost, fatal := errors.New("lost"), errors.New("fatal")
	type try struct {
		lasts time.Duration
		err   error
	}
	s := time.Second
	tests := []struct {
		name   string
		tries  []try
		o      SuperviseOptions
		starts []time.Duration // when each try began
		want   error
	}{
		{"done", []try{{s, nil}}, SuperviseOptions{}, []time.Duration{0}, nil},
		{"backoff doubles up to the longest pause", []try{{0, lost}, {0, lost}, {0, lost}, {0, lost}, {0, nil}},
			SuperviseOptions{Min: s, Max: 3 * s}, []time.Duration{0, s, 3 * s, 6 * s, 9 * s}, nil},
		{"a healthy try starts the backoff again", []try{{0, lost}, {0, lost}, {20 * s, lost}, {0, nil}},
			SuperviseOptions{Min: s}, []time.Duration{0, s, 3 * s, 24 * s}, nil},
		{"permanent", []try{{s, lost}, {s, fatal}}, SuperviseOptions{Min: s, Permanent: func(err error) bool { return err == fatal }},
			[]time.Duration{0, 2 * s}, fatal},
		{"gives up", []try{{0, lost}, {0, lost}}, SuperviseOptions{Min: s, Tries: 2}, []time.Duration{0, s}, lost},
		{"format change goes on at once, but does not spin", []try{{0, media.ErrFormatChanged}, {0, media.ErrFormatChanged}, {0, nil}},
			SuperviseOptions{Min: s}, []time.Duration{0, 0, s}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin, starts := time.Now(), []time.Duration(nil)
				err := Supervise(t.Context(), tt.o, func(context.Context) error {
					step := tt.tries[len(starts)]
					starts = append(starts, time.Since(begin))
					time.Sleep(step.lasts)
					return step.err
				})
				if err != tt.want {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if diff := cmp.Diff(tt.starts, starts); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestSuperviseCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begin := time.Now()
		err := Supervise(ctx, SuperviseOptions{Min: time.Hour, Max: time.Hour}, func(context.Context) error { return errors.New("lost") })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Minute {
			t.Errorf("error %v after %v", err, time.Since(begin))
		}
	})
}
