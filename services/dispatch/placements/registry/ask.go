// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"

	"github.com/distribution/reference"
	digests "github.com/opencontainers/go-digest"
	oci "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"

	"github.com/muster-ci/muster/internal/outbound"
)

// What a registry may send us.
const (
	maxManifest = 4 << 20
	maxConfig   = 1 << 20
	maxWords    = 4 << 10 // of entrypoint, command and labels that are kept
)

// session is how a login speaks with a repository; its tokens are used again.
type session struct{ tokens auth.Cache }

// look asks for the digest, which is free at registries that count pulls, and
// for the rest only when the digest is a new one. Facts that were found before
// an error are good.
func (i *Inspector) look(ctx context.Context, named reference.Named, login *Login) (Facts, error) {
	transport, err := i.reach(ctx, named)
	if err != nil {
		return Facts{}, err
	}
	domain := reference.Domain(named)
	known, _ := i.hosts.Get(domain)
	repository := i.repository(named, login, transport, known.plain)
	found, err := repository.Resolve(ctx, tagOf(named))
	if !known.plain && errors.Is(err, http.ErrSchemeMismatch) && transport != i.public {
		if known.plain = true; login != nil && !i.trusts(domain) {
			return Facts{}, errPlain
		}
		i.hosts.Add(domain, known)
		repository = i.repository(named, login, transport, true)
		found, err = repository.Resolve(ctx, tagOf(named))
	}
	if err != nil {
		return Facts{}, fmt.Errorf("asking for the digest: %w", err)
	}
	if found.Digest.Algorithm() != digests.SHA256 {
		return Facts{}, fmt.Errorf("%w: the digest is %s", errShape, found.Digest)
	}
	// Whoever may see the name has just been told its digest by the registry, so
	// that what is known of that may be shown.
	key := named.Name() + "@" + found.Digest.String()
	if facts, ok := i.images.Get(key); ok {
		return facts, nil
	}
	facts := Facts{Digest: found.Digest.String()}
	if err := describe(ctx, repository, found, &facts); err != nil {
		t := troubleOf(err)
		if !t.lasting {
			return facts, err
		}
		i.logger.Debug("a registry tells not all of an image", "image", named.String(), "error", err)
		facts.Unknown = t.why
	}
	i.images.Add(key, facts)
	return facts, nil
}

// reach picks the way to a registry by where it is: from a public one no road
// leads into the site, and from one in a private network none leads out, whatever
// it answers and however its name resolves the next time.
func (i *Inspector) reach(ctx context.Context, named reference.Named) (http.RoundTripper, error) {
	domain := registry.Reference{Registry: reference.Domain(named)}.Host()
	if i.trusts(reference.Domain(named)) {
		return i.anywhere, nil
	}
	name, _, err := net.SplitHostPort(domain)
	if err != nil {
		name = domain
	}
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", strings.Trim(name, "[]"))
	if err != nil {
		return nil, fmt.Errorf("looking up the registry: %w", err)
	}
	if !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !outbound.Private(a) }) {
		return i.private, nil
	}
	return i.public, nil
}

func (i *Inspector) repository(named reference.Named, login *Login, transport http.RoundTripper, plain bool) *remote.Repository {
	ref := registry.Reference{Registry: reference.Domain(named), Repository: reference.Path(named)}
	key := identity(login) + " " + named.Name()
	talk, ok := i.tokens.Get(key)
	if !ok {
		talk = &session{tokens: auth.NewCache()}
		i.tokens.Add(key, talk)
	}
	client := &auth.Client{
		Client: &http.Client{Transport: &guard{next: transport, host: ref.Host(), plain: plain}},
		Header: http.Header{"User-Agent": {"muster"}}, Cache: talk.tokens,
	}
	if login != nil {
		client.Credential = auth.StaticCredential(ref.Registry, auth.Credential{Username: login.Username, Password: login.Password})
	}
	return &remote.Repository{Client: client, Reference: ref, PlainHTTP: plain, MaxMetadataBytes: maxManifest}
}

// tagOf returns what the registry is to be asked for: a digest counts more than
// a tag, as for engines.
func tagOf(named reference.Named) string {
	if d, ok := named.(reference.Digested); ok {
		return d.Digest().String()
	}
	if t, ok := named.(reference.Tagged); ok {
		return t.Tag()
	}
	return "latest"
}

// describe reads size and config: through the list of platforms, where there is
// one, for that of the agents, which is ours.
func describe(ctx context.Context, repository *remote.Repository, found oci.Descriptor, facts *Facts) error {
	manifest, err := readManifest(ctx, repository, found)
	if err == nil && len(manifest.Manifests) > 0 {
		at := slices.IndexFunc(manifest.Manifests, func(d oci.Descriptor) bool {
			return d.Platform != nil && d.Platform.OS == "linux" && d.Platform.Architecture == runtime.GOARCH
		})
		if at < 0 {
			return errPlatform
		}
		manifest, err = readManifest(ctx, repository, manifest.Manifests[at])
	}
	if err != nil {
		return fmt.Errorf("asking for the manifest: %w", err)
	}
	if len(manifest.Layers) == 0 {
		return fmt.Errorf("%w: a manifest of type %s without layers", errShape, found.MediaType)
	}
	size := manifest.Config.Size
	for _, layer := range manifest.Layers {
		size += max(0, layer.Size)
	}
	facts.Size = size
	var image oci.Image
	if err := read(ctx, repository.Blobs(), manifest.Config, maxConfig, &image); err != nil {
		return fmt.Errorf("asking for the config: %w", err)
	}
	facts.Config = configOf(image.Config)
	return nil
}

// manifest is an image's, or a list of those for several platforms. Which of
// the two is only known once it has been fetched, and to fetch one counts as a
// pull.
type manifest struct {
	Config    oci.Descriptor   `json:"config"`
	Layers    []oci.Descriptor `json:"layers"`
	Manifests []oci.Descriptor `json:"manifests"`
}

func readManifest(ctx context.Context, repository *remote.Repository, found oci.Descriptor) (m manifest, err error) {
	err = read(ctx, repository.Manifests(), found, maxManifest, &m)
	return m, err
}

// configOf keeps what is asked of a config; nil for one that says too much.
func configOf(image oci.ImageConfig) *Config {
	c := &Config{Entrypoint: image.Entrypoint, Command: image.Cmd, Labels: map[string]string{}}
	for name, value := range image.Labels {
		if strings.HasPrefix(name, "com.circleci.") {
			c.Labels[name] = value
		}
	}
	if text, err := json.Marshal(c); err != nil || len(text) > maxWords {
		return nil
	}
	return c
}

// read fetches JSON and checks its digest.
func read(ctx context.Context, from content.Fetcher, what oci.Descriptor, most int64, into any) error {
	if what.Size > most {
		return fmt.Errorf("%w: %d bytes are more than %d", errShape, what.Size, most)
	}
	text, err := content.FetchAll(ctx, from, what)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%w: %w", errShape, err)
	}
	return nil
}
