// SPDX-License-Identifier: MPL-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/git"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/gitbundle"
)

// remote is a repository on the network.
type remote struct {
	endpoint *transport.Endpoint
	client   transport.Transport
	where    string
	limits   gitbundle.Limits
	first    *talk // begun by refs, used by the first fetch
	sessions []transport.UploadPackSession
}

// openRemote fetches one commit. It speaks the protocol step by step, since the
// library's fetch bounds nothing.
func openRemote(ctx context.Context, s core.Source, objects *filesystem.Storage, options Options) (*tree, error) {
	// Connections end with this function.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := newRemote(ctx, s.RepositoryURL, options.Pack)
	if err != nil {
		return nil, err
	}
	defer r.close()
	known, err := r.refs(ctx)
	if err != nil {
		return nil, err
	}
	if s.Revision == "" {
		hash, err := known.tip(s)
		if err != nil {
			return nil, err
		}
		if err := r.fetch(ctx, objects, hash, 1); err != nil {
			return nil, err
		}
		commit, err := commitOf(objects, hash)
		if err != nil {
			return nil, err
		}
		return &tree{commit: commit, branch: known.branchOf(s)}, nil
	}
	return r.revision(ctx, s, known, objects)
}

// revision fetches a commit that may not be the tip of anything. Most servers
// give out any commit that is reachable; for one that does not, the history of
// the branch is fetched and searched.
func (r *remote) revision(ctx context.Context, s core.Source, known refs, objects *filesystem.Storage) (*tree, error) {
	hash := plumbing.NewHash(s.Revision)
	first := r.fetch(ctx, objects, hash, 1)
	if first != nil {
		tip, err := known.tip(s)
		if err != nil {
			return nil, err
		}
		if ctx.Err() != nil {
			return nil, first
		}
		if err := r.fetch(ctx, objects, tip, 0); err != nil {
			return nil, err
		}
	}
	if objects.HasEncodedObject(hash) != nil {
		return nil, known.missingRevision(s.Revision)
	}
	commit, err := commitOf(objects, hash)
	if err != nil {
		return nil, err
	}
	return &tree{commit: commit}, nil
}

func newRemote(ctx context.Context, address string, limits gitbundle.Limits) (*remote, error) {
	r := &remote{where: "the repository " + redact(address), limits: limits}
	endpoint, err := transport.NewEndpoint(address)
	if err != nil {
		return nil, mistakef("write it as https://host/path or git@host:path", "%q is not the URL of a repository", redact(address))
	}
	r.endpoint = endpoint
	switch endpoint.Protocol {
	case "http", "https":
		own := newTransport()
		context.AfterFunc(ctx, own.CloseIdleConnections)
		r.client = githttp.NewClient(&http.Client{Transport: own})
	case "ssh":
		r.client = ssh.DefaultClient
	case "git":
		r.client = git.DefaultClient
	default:
		return nil, mistakef("use https, http, ssh or git", "%q is not the URL of a repository that this installation can reach", redact(address))
	}
	return r, nil
}

// newTransport is the usual one with connections of its own, which end with the
// fetch: hosts differ, and their number is up to users.
func newTransport() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	return t.Clone()
}

// talk is one session with the server, begun by its list of references.
type talk struct {
	transport.UploadPackSession
	advertised *packp.AdvRefs
}

// begin opens a talk, which openRemote closes. Its reads end with the context.
func (r *remote) begin(ctx context.Context) (*talk, error) {
	session, err := r.connect(ctx)
	if err != nil {
		return nil, r.explain(err)
	}
	r.sessions = append(r.sessions, session)
	advertised, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return nil, r.explain(err)
	}
	return &talk{session, advertised}, nil
}

// connect dials. The library's dialling knows no context, and an SSH handshake
// with a silent server has no end, so that it runs beside: one that comes too
// late closes what it opened.
func (r *remote) connect(ctx context.Context) (transport.UploadPackSession, error) {
	type connected struct {
		session transport.UploadPackSession
		err     error
	}
	done := make(chan connected)
	go func() {
		session, err := r.client.NewUploadPackSession(r.endpoint, nil)
		select {
		case done <- connected{session, err}:
		case <-ctx.Done():
			if err == nil {
				_ = session.Close()
			}
		}
	}()
	select {
	case c := <-done:
		return c.session, c.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// close ends all talks; how they end does not matter any more.
func (r *remote) close() {
	for _, session := range r.sessions {
		_ = session.Close()
	}
}

// refs asks for the names, and keeps the talk for the first fetch.
func (r *remote) refs(ctx context.Context) (refs, error) {
	known := refs{where: r.where}
	t, err := r.begin(ctx)
	if err != nil {
		return known, err
	}
	r.first = t
	known.hashes = maps.Clone(t.advertised.References)
	if t.advertised.Head != nil {
		known.hashes["HEAD"] = *t.advertised.Head
	}
	for _, symbolic := range t.advertised.Capabilities.Get(capability.SymRef) {
		if target, ok := strings.CutPrefix(symbolic, "HEAD:"); ok {
			known.head = target
		}
	}
	return known, nil
}

// fetch brings one object with all that it needs; depth 0 means all history.
// A talk serves one fetch, and a server that refuses hangs up.
func (r *remote) fetch(ctx context.Context, objects *filesystem.Storage, hash plumbing.Hash, depth int) error {
	t := r.first
	r.first = nil
	if t == nil {
		var err error
		if t, err = r.begin(ctx); err != nil {
			return err
		}
	}
	advertised := t.advertised
	request := packp.NewUploadPackRequestFromCapabilities(advertised.Capabilities)
	request.Wants = []plumbing.Hash{hash}
	if depth > 0 && advertised.Capabilities.Supports(capability.Shallow) {
		request.Depth = packp.DepthCommits(depth)
		if err := request.Capabilities.Set(capability.Shallow); err != nil {
			return fmt.Errorf("asking for a shallow history: %w", err)
		}
	}
	response, err := t.UploadPack(ctx, request)
	if err != nil {
		return r.explain(err)
	}
	defer response.Close()
	if err := gitbundle.Unpack(ctx, demultiplexed(request.Capabilities, response), objects, r.limits); err != nil {
		return r.explain(fmt.Errorf("unpacking: %w", err))
	}
	return nil
}

// demultiplexed separates the pack from progress messages.
func demultiplexed(capabilities *capability.List, r io.Reader) io.Reader {
	switch {
	case capabilities.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case capabilities.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	default:
		return r
	}
}

// explain tells a wrong request from a road that is closed for now.
func (r *remote) explain(err error) error {
	var m *mistake
	var coded *core.Error
	var name *net.DNSError
	var status *githttp.Err
	var wrapped *plumbing.UnexpectedError
	// The library's wrapper hides what it wraps from errors.As.
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	switch {
	case errors.As(err, &m), errors.As(err, &coded):
		return err
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return mistakef("check the project's repository URL, and whether it can be read without signing in", "Cannot find %s", r.where)
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return mistakef("push a first commit", "There is no commit in %s", r.where)
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed),
		strings.Contains(err.Error(), "unable to authenticate"):
		return mistakef("make it readable, or put credentials into the project's repository URL", "Muster may not read %s", r.where)
	case strings.Contains(err.Error(), "SSH agent"):
		return mistakef("use an https URL, or start the configs service with an SSH agent that holds the key", "This installation has no SSH key for %s", r.where)
	case strings.Contains(err.Error(), "knownhosts:"):
		return mistakef("add the host's key to known_hosts where the configs service runs", "The SSH key of the host of %s is not known or has changed", r.where)
	case errors.As(err, &name) && name.IsNotFound && !name.IsTemporary:
		return mistakef("check the project's repository URL", "There is no host %s, which is named by %s", name.Name, r.where)
	case errors.As(err, &status) && status.StatusCode() < 500 && status.StatusCode() != http.StatusTooManyRequests:
		return mistakef("check whether the URL is that of a git repository", "The host answered with status %d when asked for %s", status.StatusCode(), r.where)
	default:
		return &core.Error{Code: core.CodeUnavailable, Message: r.where + " cannot be reached", Err: err}
	}
}

// redact removes credentials from a URL that a sentence shows.
func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		return address
	}
	u.User = nil
	return u.String()
}
