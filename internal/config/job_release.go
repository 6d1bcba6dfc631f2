// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"regexp"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

var (
	validationKeys = keySet{permitted: []string{"auto_rollback_on_failure", "enabled", "evaluation_time", "webhooks"}}
	checkKeys      = keySet{permitted: []string{"fail_when", "max_failures", "name", "provider"}, required: []string{"name"}}
)

// release reads a job that starts a release plan.
func (c *compiler) release(d *definition, n *document.Node) *core.ReleasePlan {
	at := n.Get("plan_name")
	if at == nil {
		c.fail(d.key, "required key [plan_name] not found", "add plan_name: and the name of the release plan")
		return nil
	}
	plan := &core.ReleasePlan{PlanName: c.filled(at)}
	validation := n.Get("validation")
	if validation == nil || validation.Kind == document.Null || !c.fields(validation, validationKeys) {
		return plan
	}
	plan.Validation = &core.ReleaseValidation{
		Enabled:               c.boolean(validation.Get("enabled")),
		EvaluationTime:        c.duration(validation.Get("evaluation_time"), 7*24*time.Hour),
		AutoRollbackOnFailure: c.boolean(validation.Get("auto_rollback_on_failure")),
	}
	c.releaseWebhooks(validation.Get("webhooks"), plan.Validation)
	return plan
}

// releaseWebhooks reads names of webhooks, and mappings that say what a failure
// is.
func (c *compiler) releaseWebhooks(n *document.Node, to *core.ReleaseValidation) {
	if n == nil || n.Kind == document.Null {
		return
	}
	if n.Kind != document.List {
		c.wrongType(n, document.List)
		return
	}
	for _, item := range n.Items {
		if item.Kind == document.String {
			to.Webhooks = append(to.Webhooks, c.filled(item))
			continue
		}
		if !c.fields(item, checkKeys) {
			continue
		}
		to.Checks = append(to.Checks, core.ReleaseCheck{
			Name:        c.filled(item.Get("name")),
			Provider:    c.text(item.Get("provider")),
			FailWhen:    c.text(item.Get("fail_when")),
			MaxFailures: c.integer(item.Get("max_failures"), 1, 1_000_000),
		})
	}
}

var lockKeyForm = regexp.MustCompile(`^[A-Za-z0-9._/-]{1,512}$`)

// lockKey reads what a lock or an unlock job is about.
func (c *compiler) lockKey(d *definition, n *document.Node) string {
	at := n.Get("key")
	if at == nil {
		c.fail(d.key, "required key [key] not found", "add key: and the name of the serial group")
		return ""
	}
	key := c.text(at)
	if at.Kind == document.String && !lockKeyForm.MatchString(key) {
		c.fail(at, fmt.Sprintf("%q is not a key of a lock", clip(key)), "use up to 512 letters, digits, dots, slashes, _ and -")
	}
	return key
}
