// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
)

// people are the SSH keys of users, the places where they may log in, and the
// claims of tokens. Whoever connects is answered with what was sent.
type people struct {
	mu     sync.Mutex
	keys   []core.SSHKey
	places []core.SSHPlace
	claims map[core.JobTokenOwner]core.JobTokenClaims
	away   bool
	turned int // how often keys of tokens were turned
}

// Admit makes tasks places where a user may log in.
func (p *Platform) Admit(places ...core.SSHPlace) {
	p.people.mu.Lock()
	defer p.people.mu.Unlock()
	p.people.places = append(p.people.places, places...)
}

// LoseKeys has identity answer no more questions for keys of tokens.
func (p *Platform) LoseKeys() {
	p.people.mu.Lock()
	defer p.people.mu.Unlock()
	p.people.away = true
}

// AddSSHKey implements core.SSHKeys.
func (p *people) AddSSHKey(_ context.Context, k core.SSHKey) (core.SSHKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !strings.HasPrefix(k.PublicKey, "ssh-") {
		return core.SSHKey{}, core.Errorf(core.CodeInvalid, "That is no SSH public key.")
	}
	k.Fingerprint, k.CreatedAt = "SHA256:"+strconv.Itoa(len(p.keys)), time.Now().UTC()
	p.keys = append(p.keys, k)
	return k, nil
}

// ListSSHKeys implements core.SSHKeys.
func (p *people) ListSSHKeys(_ context.Context, user core.UserID) ([]core.SSHKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.keys), func(k core.SSHKey) bool { return k.User != user }), nil
}

// RemoveSSHKey implements core.SSHKeys.
func (p *people) RemoveSSHKey(_ context.Context, k core.SSHKey) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := len(p.keys)
	p.keys = slices.DeleteFunc(p.keys, func(known core.SSHKey) bool { return known.ID == k.ID && known.User == k.User })
	if len(p.keys) == before {
		return core.Errorf(core.CodeNotFound, "You have no such SSH key.")
	}
	return nil
}

// SSHPlaces implements core.SSHPlaces.
func (p *people) SSHPlaces(_ context.Context, tasks []core.TaskID) ([]core.SSHPlace, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.places), func(place core.SSHPlace) bool { return !slices.Contains(tasks, place.Task) }), nil
}

// CallSSH implements core.SSHPlaces.
func (p *people) CallSSH(_ context.Context, c core.SSHCall) (io.ReadWriteCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, place := range p.places {
		if place.Attempt != c.Attempt {
			continue
		}
		if place.User != c.User {
			return nil, core.Errorf(core.CodeForbidden, "Only the user who ran the job with SSH may log in to it.")
		}
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			_, _ = io.Copy(there, there)
		}()
		return here, nil
	}
	return nil, core.Errorf(core.CodeNotFound, "The job was not run with SSH.")
}

// IssueJobTokens implements core.JobTokenIssuer; the gateway never asks.
func (p *people) IssueJobTokens(context.Context, core.JobTokenRequest) (core.JobTokens, error) {
	return core.JobTokens{}, core.Errorf(core.CodeForbidden, "the gateway issues no tokens")
}

// JobTokenKeys implements core.JobTokenIssuer.
func (p *people) JobTokenKeys(context.Context, core.OrganizationID) (json.RawMessage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.away {
		return nil, core.Errorf(core.CodeUnavailable, "identity is away")
	}
	return json.RawMessage(`{"keys":[{"kty":"RSA","kid":"one"}]}`), nil
}

// JobTokenClaims implements core.JobTokenIssuer.
func (p *people) JobTokenClaims(_ context.Context, owner core.JobTokenOwner) (core.JobTokenClaims, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claims[owner], nil
}

// SetJobTokenClaims implements core.JobTokenIssuer.
func (p *people) SetJobTokenClaims(_ context.Context, c core.JobTokenChange) (core.JobTokenClaims, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.claims == nil {
		p.claims = map[core.JobTokenOwner]core.JobTokenClaims{}
	}
	claims := p.claims[c.JobTokenOwner]
	if c.Audience != nil {
		claims.Audience = *c.Audience
	}
	if c.TTL != nil {
		claims.TTL = *c.TTL
	}
	p.claims[c.JobTokenOwner] = claims
	return claims, nil
}
