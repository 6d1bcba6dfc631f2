// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/services/accept/gateway"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

func keyIDs(keys api.List[api.SigningKey]) []string {
	var ids []string
	for _, k := range keys.Items {
		ids = append(ids, k.ID+" "+k.State)
	}
	return ids
}

// TestSigningKeys is for administrators, who leave a line in the audit log.
func TestSigningKeys(t *testing.T) {
	t.Parallel()
	log := &notebook{}
	s := gatewaytest.Serve(t, gatewaytest.New(), func(_ *gateway.Config, d *gateway.Deps) {
		d.Logger = hclog.New(&hclog.LoggerOptions{Output: log, JSONFormat: true})
	})
	admin, err := client.New(s.URL, s.Admin, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		revoke bool
		want   []string
	}{{false, []string{"one signs", "turned-1 published"}}, {true, []string{"one signs"}}} {
		got, err := admin.RotateSigningKeys(t.Context(), api.SigningKeyRotation{Revoke: step.revoke})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, keyIDs(got)); diff != "" {
			t.Errorf("after a rotation (-want +got):\n%s", diff)
		}
	}
	if got, err := admin.SigningKeys(t.Context()); err != nil || len(got.Items) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if lines := log.audit(t); len(lines) != 2 || lines[0]["login"] != "root" || lines[1]["revoke"] != true {
		t.Errorf("the audit log has %+v", lines)
	}
	user, err := client.New(s.URL, s.User, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := user.RotateSigningKeys(t.Context(), api.SigningKeyRotation{}); err == nil || !strings.Contains(err.Error(), "Only an administrator") {
		t.Errorf("rotating by somebody else: got %v, want a refusal", err)
	}
}
