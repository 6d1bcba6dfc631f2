// SPDX-License-Identifier: MPL-2.0

package lsp

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/check"
)

// update takes a new text in and has it compiled when it has stayed for a
// moment. A newer text of the file cancels that.
//
//	changed -> waiting -> compiling -> published
//	              \____________\____ cancelled, by the next change
func (s *Server) update(ctx context.Context, d textDocument) {
	// Not the message's context, which ends with it; the store cancels this one.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	t := newText(d, cancel)
	if !s.store.put(t) {
		cancel()
		s.deps.Logger.Warn("too many texts are open, this one is not checked", "uri", d.URI, "limit", maxOpen)
		return
	}
	s.pending.Add(1)
	go func() {
		defer s.pending.Done()
		defer cancel()
		timer := time.NewTimer(s.cfg.Debounce)
		defer timer.Stop()
		select {
		case <-work.Done():
			return
		case <-timer.C:
		}
		s.diagnose(work, t)
	}()
}

// diagnose compiles a text and tells the editor what is wrong with it.
func (s *Server) diagnose(ctx context.Context, t *text) {
	result, err := check.Compile(ctx, s.orbs.request(t.path, t.whole))
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		result.Warnings = append(result.Warnings, core.ConfigError{
			Message: "The config's orbs cannot be fetched at present: " + err.Error(), File: t.path, Suggestion: "the config is checked again with its next change",
		})
	}
	found := make([]diagnostic, 0, len(result.Errors)+len(result.Warnings))
	for _, e := range result.Errors {
		found = append(found, s.diagnostic(t, e, severityError))
	}
	for _, e := range result.Warnings {
		found = append(found, s.diagnostic(t, e, severityWarning))
	}
	if err := s.publish(ctx, publishParams{URI: t.uri, Version: t.version, Diagnostics: found}); err != nil {
		s.deps.Logger.Debug("diagnostics could not be sent", "uri", t.uri, "error", err)
	}
}

func (s *Server) diagnostic(t *text, e core.ConfigError, severity int) diagnostic {
	d := diagnostic{Severity: severity, Source: "muster", Message: e.Message}
	switch {
	case e.File != t.path && e.Line > 0: // in an orb
		d.Message = fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
	case e.Line > 0:
		d.Range = t.word(e.Line, e.Column)
	}
	if e.Suggestion == "" {
		return d
	}
	if strings.HasPrefix(e.Suggestion, check.NoRegistry) {
		d.Severity = severityWarning // not the text's fault
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.related {
		d.Related = []related{{location{t.uri, d.Range}, e.Suggestion}}
	} else {
		d.Message += "\n" + e.Suggestion
	}
	return d
}
