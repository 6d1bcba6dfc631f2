// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"time"

	"github.com/distribution/reference"
	"github.com/hashicorp/go-hclog"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/outbound"
)

// Facts are what a registry tells of an image. What it does not tell is left
// out, and Unknown says why, for people.
type Facts struct {
	// Digest is that of the name, "sha256:...": of a list of platforms where there
	// is one, which is what engines call the image's digest too.
	Digest string
	// Size is that of the compressed layers, for our platform.
	Size    int64
	Config  *Config // nil where it is not known
	Unknown string
}

// Config is how an image wants to be run. Of its labels those are kept whose
// names begin with "com.circleci.".
type Config struct {
	Entrypoint, Command []string
	Labels              map[string]string
}

// InspectorConfig is what an operator decides about asking registries.
type InspectorConfig struct {
	// Trusted are hosts (host or host:port) that are asked wherever they are, on
	// this machine too. Others must be public or in a private network.
	Trusted []string
	// Timeout bounds what an image may hold up its job. Default: 2s.
	Timeout time.Duration
}

// What is remembered, and for how long. A name may get a new image at any
// moment, and a job that begins after that wants the new one: what a name stands
// for is kept just long enough for the tasks of one job, which come together.
const (
	namesKept   = 3 * time.Second
	missingKept = time.Minute
	maxNames    = 1024
	maxImages   = 1024
	maxHosts    = 1024
)

// Inspector asks registries about images. It never fails: what cannot be asked
// is unknown. A registry that does not answer is left alone for a while, so that
// it holds up a job now and then at most. Its methods may be called from several
// goroutines.
type Inspector struct {
	cfg    InspectorConfig
	logger hclog.Logger
	clock  core.Clock

	public, private, anywhere http.RoundTripper

	names   *lru.Cache[string, answer] // by login and name
	images  *lru.Cache[string, Facts]  // by repository and digest; they never change
	hosts   *lru.Cache[string, host]
	tokens  *lru.Cache[string, *session] // by login and repository
	flights singleflight.Group
}

// answer is what a name stood for.
type answer struct {
	facts Facts
	until time.Time
}

// host is what is known of a registry's.
type host struct {
	plain bool          // it speaks HTTP without TLS
	until time.Time     // it is left alone
	wait  time.Duration // the last time for which it was
	why   string
}

// NewInspector checks the names of the trusted hosts and asks nobody.
func NewInspector(cfg InspectorConfig, logger hclog.Logger, clock core.Clock) (*Inspector, error) {
	if cfg.Timeout == 0 {
		cfg.Timeout = 2 * time.Second
	}
	for _, name := range cfg.Trusted {
		if named, err := reference.ParseNormalizedNamed(name + "/name"); err != nil || reference.Domain(named) != name {
			return nil, core.Errorf(core.CodeInvalid, "trusted registries: %q is no registry's host; write host or host:port", name)
		}
	}
	i := &Inspector{
		cfg: cfg, logger: logger, clock: clock,
		public:   outbound.NewTransport(outbound.Options{}),
		private:  outbound.NewTransport(outbound.Options{Private: true}),
		anywhere: outbound.NewTransport(outbound.Options{Any: true}),
	}
	// The only error is a size below one.
	i.names, _ = lru.New[string, answer](maxNames)
	i.images, _ = lru.New[string, Facts](maxImages)
	i.hosts, _ = lru.New[string, host](maxHosts)
	i.tokens, _ = lru.New[string, *session](maxNames)
	return i, nil
}

// Facts returns what the image's registry tells of it to that login, nil for
// none, within the time-out.
func (i *Inspector) Facts(ctx context.Context, image string, login *Login) Facts {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return Facts{Unknown: "its name cannot be read"}
	}
	named = reference.TagNameOnly(named)
	key := identity(login) + " " + named.String()
	if known, ok := i.names.Get(key); ok && i.clock().Before(known.until) {
		return known.facts
	}
	if down, ok := i.hosts.Get(reference.Domain(named)); ok && i.clock().Before(down.until) {
		return Facts{Unknown: down.why}
	}
	// Whoever came first asks for all who want to know the same, also when its own
	// caller has gone meanwhile.
	flight := i.flights.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), i.cfg.Timeout)
		defer cancel()
		return i.ask(ctx, named, login, key), nil
	})
	select {
	case result := <-flight:
		return result.Val.(Facts)
	case <-ctx.Done():
		return Facts{Unknown: "there was no time to ask its registry"}
	}
}

// ask asks the registry and remembers the answer.
func (i *Inspector) ask(ctx context.Context, named reference.Named, login *Login, key string) Facts {
	domain := reference.Domain(named)
	facts, err := i.look(ctx, named, login)
	trouble := troubleOf(err)
	switch {
	case err == nil:
		i.revive(domain)
	case trouble.host:
		i.rest(domain, trouble, err)
	default:
		i.revive(domain)
		i.logger.Debug("a registry tells not all of an image", "image", named.String(), "error", err)
	}
	if err != nil {
		facts.Unknown = trouble.why
	}
	kept := namesKept
	if facts.Digest == "" {
		kept = missingKept
	}
	if !trouble.host {
		i.names.Add(key, answer{facts, i.clock().Add(kept)})
	}
	return facts
}

// leastRest and mostRest bound the time for which a registry that does not
// answer is left alone; it doubles with each time in a row.
const (
	leastRest = 30 * time.Second
	mostRest  = 5 * time.Minute
)

func (i *Inspector) rest(domain string, t trouble, err error) {
	known, _ := i.hosts.Get(domain)
	known.wait = min(mostRest, max(leastRest, 2*known.wait, t.wait))
	known.until, known.why = i.clock().Add(known.wait), t.why
	i.hosts.Add(domain, known)
	i.logger.Info("a registry cannot be asked about images, jobs start without that", "registry", domain, "for", known.wait, "error", err)
}

func (i *Inspector) revive(domain string) {
	if known, ok := i.hosts.Get(domain); ok && known.wait != 0 {
		i.hosts.Add(domain, host{plain: known.plain})
	}
}

func (i *Inspector) trusts(domain string) bool { return slices.Contains(i.cfg.Trusted, domain) }

// identity tells logins apart without keeping them.
func identity(login *Login) string {
	if login == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(login.Server + "\x00" + login.Username + "\x00" + login.Password))
	return hex.EncodeToString(sum[:])
}
