// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"
	"testing"
)

func TestDashes(t *testing.T) {
	t.Parallel()
	got := dashes([]string{"server", "-target=queue", "-f", "--data", "x", "-no-follow", "--", "-target"})
	want := []string{"server", "--target=queue", "-f", "--data", "x", "--no-follow", "--", "-target"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestTargets(t *testing.T) {
	t.Parallel()
	if got, err := targets("all"); err != nil || !slices.Equal(got, serviceNames()) {
		t.Errorf("all: got %v, %v", got, err)
	}
	if got, err := targets("queue, output"); err != nil || !slices.Equal(got, []string{"queue", "output"}) {
		t.Errorf("two: got %v, %v", got, err)
	}
	if _, err := targets("quue"); err == nil {
		t.Error("a service that is not there: got no error")
	}
}
