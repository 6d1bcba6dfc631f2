// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
)

// PublishOrb implements core.Orbs.
func (s *Service) PublishOrb(ctx context.Context, request core.PublishOrbRequest) (core.OrbVersion, error) {
	if len(request.Source) > s.cfg.MaxSourceBytes {
		return core.OrbVersion{}, core.Errorf(core.CodeInvalid, "The source of the orb has %d bytes; the most is %d.", len(request.Source), s.cfg.MaxSourceBytes)
	}
	info, mistakes := config.ReadOrb(request.Source)
	if len(mistakes) > 0 {
		return core.OrbVersion{}, notAnOrb(mistakes)
	}
	// What is imported may refer to orbs that come after it; it was published
	// elsewhere before.
	if !request.Import {
		if err := s.compiles(ctx, request); err != nil {
			return core.OrbVersion{}, err
		}
	}
	p := publication{
		id: request.ID, orb: request.Orb, version: request.Version, increment: request.Increment,
		repeatable: request.Import,
	}
	return s.publish(ctx, p, func(context.Context, bun.Tx, orbRow) (content, error) {
		return content{request.Source, info.Description}, nil
	})
}

// compileTimeout is far more than the compiler's own limits allow, with the time
// to fetch URL orbs.
const compileTimeout = 25 * time.Second

// compiles checks a source with all that it refers to, as those see it who may
// use the orb: a public one finds public orbs only.
func (s *Service) compiles(ctx context.Context, request core.PublishOrbRequest) error {
	orb, err := orbOf(ctx, s.deps.DB, request.Orb)
	if err != nil {
		return err
	}
	compile := core.CompileRequest{Config: request.Source, IsOrb: true}
	if orb.Private {
		compile.OrganizationID = orb.Namespace.OrganizationID
	}
	bounded, cancel := context.WithTimeout(ctx, compileTimeout)
	defer cancel()
	var broke error
	result, err := config.Compile(bounded, compile, config.Options{
		File: config.DefaultOrbFile, MaxBytes: s.cfg.MaxSourceBytes, Orbs: s,
		Panicked: func(value any, stack []byte) { broke = fmt.Errorf("%v\n%s", value, stack) },
	})
	if broke != nil {
		s.deps.Logger.Error("config compiler broke on an orb", "orb", request.Orb, "error", broke)
	}
	if err := cmp.Or(err, bounded.Err()); err != nil {
		return &core.Error{Code: core.CodeUnavailable, Message: "the orb cannot be checked just now", Err: err}
	}
	if len(result.Errors) > 0 {
		return notAnOrb(result.Errors)
	}
	return nil
}

// notAnOrb shows the first mistakes of a source.
func notAnOrb(mistakes []core.ConfigError) error {
	const most = 5
	text := ""
	for i, mistake := range mistakes {
		if i == most {
			text += fmt.Sprintf("\n... and %d more", len(mistakes)-most)
			break
		}
		if mistake.File == "" {
			mistake.File = config.DefaultOrbFile
		}
		text += "\n" + mistake.String()
	}
	return core.Errorf(core.CodeInvalid, "The source is not an orb:%s", text)
}

// PromoteOrb implements core.Orbs.
func (s *Service) PromoteOrb(ctx context.Context, request core.PromoteOrbRequest) (core.OrbVersion, error) {
	from, err := parseWanted(request.From)
	if err != nil {
		return core.OrbVersion{}, err
	}
	if !from.isDev() {
		return core.OrbVersion{}, core.Errorf(core.CodeInvalid, "%q is not a dev version; only dev versions are promoted.", clip(request.From))
	}
	p := publication{id: request.ID, orb: request.Orb, version: request.Version, increment: request.Increment}
	if to, err := parseWanted(request.Version); err == nil && to.isDev() {
		return core.OrbVersion{}, core.Errorf(core.CodeInvalid, "A dev version is promoted to a release, such as 1.2.3, not to %s.", to)
	}
	return s.publish(ctx, p, func(ctx context.Context, tx bun.Tx, orb orbRow) (content, error) {
		name := fullName{orb.Namespace.Name, orb.Name}
		row, err := versionOf(ctx, tx, orb.ID, from.label)
		if errors.Is(err, sql.ErrNoRows) {
			return content{}, core.Errorf(core.CodeNotFound, "There is no %s@%s to promote.", name, from)
		}
		if err == nil && row.expired(s.now()) {
			err = s.expired(name, from)
		}
		if err != nil {
			return content{}, err
		}
		source, err := s.sourceIn(ctx, tx, row.Digest)
		if err != nil {
			return content{}, err
		}
		info, _ := config.ReadOrb(source) // it was checked when it was published
		return content{source, info.Description}, nil
	})
}

// publication is a version that is to be made.
type publication struct {
	id, orb            string
	version, increment string
	repeatable         bool // a release that is there with the same source is an answer
}

// content is what a version holds.
type content struct{ source, description string }

// publish makes a version of what read returns, in one transaction.
func (s *Service) publish(ctx context.Context, p publication, read func(context.Context, bun.Tx, orbRow) (content, error)) (core.OrbVersion, error) {
	if (p.version == "") == (p.increment == "") {
		return core.OrbVersion{}, core.Errorf(core.CodeInvalid, "Name either the version to publish or the part to increment (major, minor, patch).")
	}
	if p.id == "" {
		p.id = s.deps.NewID()
	}
	var row versionRow
	var orb orbRow
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		var err error
		if orb, err = s.lockOrb(ctx, tx, p.orb); err != nil {
			return err
		}
		held, err := read(ctx, tx, orb)
		if err != nil {
			return err
		}
		row, err = s.put(ctx, tx, orb, p, held)
		return err
	})
	if err != nil {
		return core.OrbVersion{}, doing("publishing an orb", err)
	}
	kind := "release"
	if !row.ExpiresAt.IsZero() {
		kind = "dev"
	}
	s.metrics.published.WithLabelValues(kind).Inc()
	s.deps.Logger.Info("orb published", "orb", orb.fullName(), "version", row.Version, "digest", row.Digest)
	return row.version(orb.fullName()), nil
}
