// SPDX-License-Identifier: MPL-2.0

package orbs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/outbound"
	"github.com/muster-ci/muster/internal/store"
)

// maxRedirects of one fetch. Each has to be on the allow-list as well.
const maxRedirects = 5

// resolveURL answers a URL orb. The list is asked each time, also for what is
// kept: an entry that was removed ends the use at once.
func (s *Service) resolveURL(ctx context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	if _, err := s.parseURL(request.Ref); err != nil {
		return core.ResolvedOrb{}, err
	}
	if err := s.allowed(ctx, request.OrganizationID, request.Ref); err != nil {
		return core.ResolvedOrb{}, err
	}
	digest, err := s.keptURL(ctx, request)
	if err != nil {
		return core.ResolvedOrb{}, err
	}
	if digest != "" {
		source, err := s.source(ctx, digest)
		if core.ErrorCode(err) != core.CodeNotFound {
			return core.ResolvedOrb{LockedOrb: core.LockedOrb{Ref: request.Ref, Digest: digest}, Source: source}, err
		}
	}
	source, err := s.fetchOnce(ctx, request)
	if err != nil {
		return core.ResolvedOrb{}, err
	}
	digest = digestOf(source)
	if request.Digest != "" && request.Digest != digest {
		return core.ResolvedOrb{}, core.Errorf(core.CodeNotFound, "The source of %s that this pipeline began with is no longer kept, and its address has another one now; start a new pipeline.", request.Ref)
	}
	return core.ResolvedOrb{LockedOrb: core.LockedOrb{Ref: request.Ref, Digest: digest}, Source: source}, nil
}

// keptURL returns the digest of what is kept of a URL: that which is locked, or
// what was fetched lately; "" when it has to be fetched.
func (s *Service) keptURL(ctx context.Context, request core.ResolveOrbRequest) (string, error) {
	query := s.deps.DB.NewSelect().Model((*fetchedRow)(nil)).Column("digest").Where("url = ?", request.Ref)
	if request.Digest != "" {
		query = query.Where("digest = ?", request.Digest)
	} else {
		fresh := s.deps.Clock().Add(-duration(s.cfg.URLFresh))
		query = query.Where("fetched_at > ?", store.At(fresh)).Order("fetched_at DESC")
	}
	var digest string
	err := query.Limit(1).Scan(ctx, &digest)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("looking for a fetched orb: %w", err)
	}
	return digest, nil
}

// fetchOnce fetches for all who ask for the same URL under the same list at the
// same time. It goes on for the others when one of them leaves.
func (s *Service) fetchOnce(ctx context.Context, request core.ResolveOrbRequest) (string, error) {
	key := string(request.OrganizationID) + " " + request.Ref // redirects are checked against that list
	done := s.fetching.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), duration(s.cfg.URLTimeout))
		defer cancel()
		began := time.Now()
		source, err := s.fetch(ctx, request)
		outcome := map[string]string{"found": "fetched", "missing": "refused", "failed": "failed"}[outcomeOf(err)]
		s.metrics.fetch.WithLabelValues(outcome).Observe(time.Since(began).Seconds())
		if err != nil {
			return "", err
		}
		return source, s.keepURL(ctx, request.Ref, source)
	})
	select {
	case result := <-done:
		source, _ := result.Val.(string)
		return source, result.Err
	case <-ctx.Done():
		return "", &core.Error{Code: core.CodeUnavailable, Message: "fetching " + request.Ref + " was given up", Err: ctx.Err()}
	}
}

// keepURL stores what was fetched.
func (s *Service) keepURL(ctx context.Context, address, source string) error {
	err := s.deps.DB.Tx(ctx, func(ctx context.Context, tx bun.Tx) error {
		digest, err := s.putSource(ctx, tx, source)
		if err != nil {
			return err
		}
		row := &fetchedRow{URL: address, Digest: digest, FetchedAt: s.now()}
		_, err = tx.NewInsert().Model(row).On("CONFLICT (url, digest) DO UPDATE").Set("fetched_at = EXCLUDED.fetched_at").Exec(ctx)
		return err
	})
	return doing("keeping a fetched orb", err)
}

// fetch gets a source over the network and checks that it is an orb.
func (s *Service) fetch(ctx context.Context, request core.ResolveOrbRequest) (string, error) {
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
		return "", unreachable(request.Ref, ctx.Err())
	}
	prefixes, err := s.ListOrbPrefixes(ctx, request.OrganizationID)
	if err != nil {
		return "", err
	}
	response, err := s.get(ctx, request.Ref, prefixes)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	most := int64(s.cfg.MaxSourceBytes)
	data, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil {
		return "", unreachable(request.Ref, err)
	}
	if int64(len(data)) > most {
		return "", core.Errorf(core.CodeInvalid, "The URL orb %s has more than %d bytes, which is the most.", request.Ref, most)
	}
	if !utf8.Valid(data) {
		return "", core.Errorf(core.CodeInvalid, "The URL orb %s is not text in UTF-8.", request.Ref)
	}
	if _, mistakes := config.ReadOrb(string(data)); len(mistakes) > 0 {
		return "", notAnOrb(mistakes)
	}
	return string(data), nil
}

// get follows redirects itself, so that each address is checked against the
// list before anything is sent to it.
func (s *Service) get(ctx context.Context, address string, prefixes []core.OrbPrefix) (*http.Response, error) {
	client := *s.client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for range maxRedirects + 1 {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return nil, fmt.Errorf("making a request: %w", err)
		}
		request.Header.Set("User-Agent", "Muster")
		request.Header.Set("Accept", "application/yaml, text/yaml, text/plain, */*")
		response, err := client.Do(request)
		if err != nil {
			return nil, unreachable(address, err)
		}
		if response.StatusCode == http.StatusOK {
			return response, nil
		}
		response.Body.Close()
		next, err := s.redirected(response, address, prefixes)
		if err != nil {
			return nil, err
		}
		address = next
	}
	return nil, core.Errorf(core.CodeInvalid, "The URL orb leads on more than %d times, last to %s; refer to where it really is.", maxRedirects, clip(address))
}

// redirected returns where an answer other than 200 leads to.
func (s *Service) redirected(response *http.Response, address string, prefixes []core.OrbPrefix) (string, error) {
	switch code := response.StatusCode; {
	case code == http.StatusTooManyRequests || code >= 500:
		return "", unreachable(address, fmt.Errorf("it answered %s", response.Status))
	case code == http.StatusNotModified || code < 300 || code >= 400:
		return "", core.Errorf(core.CodeNotFound, "The URL orb %s cannot be fetched: the server answered %s. Check the address, and that it can be read without logging in.", address, response.Status)
	}
	next, err := response.Location()
	if err != nil {
		return "", core.Errorf(core.CodeNotFound, "The URL orb %s cannot be fetched: the server answered %s and does not say where to.", address, response.Status)
	}
	if next, err = s.parseURL(next.String()); err != nil {
		return "", err
	}
	if _, ok := matchPrefix(prefixes, next.String()); !ok {
		return "", core.Errorf(core.CodeForbidden, "The URL orb %s leads on to %s, which no entry of the organization's URL orb allow-list permits.", address, next)
	}
	return next.String(), nil
}

// unreachable tells a server that is away, which is worth another try, from an
// address that must not be reached.
func unreachable(address string, err error) error {
	if errors.Is(err, outbound.ErrForbidden) {
		return core.Errorf(core.CodeForbidden, "The URL orb %s is not fetched: its host has an address that is not public.", address)
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	reason := strings.TrimSpace(err.Error())
	return &core.Error{Code: core.CodeUnavailable, Message: fmt.Sprintf("The URL orb %s cannot be fetched just now", address), Err: errors.New(reason)}
}
