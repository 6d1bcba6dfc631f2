// SPDX-License-Identifier: MPL-2.0

package config

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// OrbResolver answers references to orbs. CodeNotFound, CodeForbidden,
// CodeInvalid and CodeConflict are mistakes of the config; with any other error
// the compilation has no answer and Compile returns the error.
type OrbResolver interface {
	ResolveOrb(ctx context.Context, request core.ResolveOrbRequest) (core.ResolvedOrb, error)
}

// Limits of the orbs of one config.
const (
	maxOrbs      = 100  // references, each counted once
	maxOrbDepth  = 10   // orbs that use orbs
	maxReference = 1000 // bytes
)

var (
	registryForm = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+@(volatile|dev:[^\s@<>]+|\d+(\.\d+){0,2})$`)
	exactForm    = regexp.MustCompile(`@\d+\.\d+\.\d+$`)
)

// loader knows the orbs that one compilation has asked for.
type loader struct {
	resolver OrbResolver
	cache    *OrbCache
	limits   document.Limits // of each orb, and of the config and its orbs together
	lock     map[string]core.LockedOrb
	replay   *loader // where to look instead of asking anyone; see checkLoaded

	byRef    map[string]*loaded // nil value: could not be had, which was told
	byDigest map[string]*loaded
	order    []*loaded     // as they were asked for
	open     []*loaded     // being read, the outermost first
	size     document.Size // of the config and all sources together
	// unanswered is why the compilation has no answer.
	unanswered error
}

// loaded is an orb of a registry or a URL.
type loaded struct {
	locked core.LockedOrb
	source *orbSource
	module *module
	// print is equal for the same source that uses the same sources.
	print string
	uses  []string // reference and print of each
	done  bool
}

func newLoader(request core.CompileRequest, options Options) *loader {
	limits := document.LimitsFor(options.MaxBytes)
	limits.Name = "orb"
	l := &loader{
		resolver: options.Orbs, cache: options.Cache, limits: limits,
		byRef: map[string]*loaded{}, byDigest: map[string]*loaded{}, lock: make(map[string]core.LockedOrb, len(request.Orbs)),
	}
	for _, o := range request.Orbs {
		l.lock[o.Ref] = o
	}
	return l
}

// locked returns what the references were resolved to.
func (l *loader) locked() []core.LockedOrb {
	if l == nil || len(l.order) == 0 {
		return nil
	}
	list := make([]core.LockedOrb, 0, len(l.order))
	for _, o := range l.order {
		list = append(list, o.locked)
	}
	return list
}

// orbReference reads a reference to an orb of a registry or to a URL.
func (c *compiler) orbReference(n *document.Node) (string, bool) {
	before := len(c.errors) + c.more
	value := c.substitute(n, scope{})
	if len(c.errors)+c.more > before {
		return "", false
	}
	if value.Kind != document.String {
		c.wrongType(value, document.String)
		return "", false
	}
	ref := strings.TrimSpace(value.Text)
	switch {
	case len(ref) <= maxReference && (registryForm.MatchString(ref) || isURL(ref)):
		return ref, true
	case strings.HasPrefix(ref, "http://"):
		c.fail(n, fmt.Sprintf("The orb %s is not fetched over an encrypted connection", clip(ref)), "write https://")
	default:
		c.fail(n, fmt.Sprintf("%q is not a reference to an orb", clip(ref)),
			"write namespace/orb@ and a version (1.2.3, 1.2, 1, volatile, dev:label), or an https:// address")
	}
	return "", false
}

func isURL(ref string) bool {
	return len(ref) > len("https://") && strings.HasPrefix(ref, "https://") && !strings.ContainsAny(ref, " \t\r\n<>")
}

// ExactReference tells whether a reference always means the same source: that
// of a released version written in full.
func ExactReference(ref string) bool { return !isURL(ref) && exactForm.MatchString(ref) }

// referredOrb returns the module of an orb that a registry or a URL holds.
func (c *compiler) referredOrb(alias string, n *document.Node) *module {
	ref, ok := c.orbReference(n)
	if !ok {
		return nil
	}
	l := c.loader
	o, known := l.byRef[ref]
	if !known {
		o = c.load(ref, alias, n)
	}
	switch {
	case o == nil:
		return nil
	case !o.done:
		c.fail(n, "The orb "+clip(ref)+" uses itself: "+l.circle(o), "remove one of these references")
		return nil
	}
	if len(l.open) > 0 {
		user := l.open[len(l.open)-1]
		user.uses = append(user.uses, ref+"="+o.print)
	}
	return o.module
}

func (l *loader) circle(from *loaded) string {
	var names []string
	for _, o := range l.open {
		if o == from || len(names) > 0 {
			names = append(names, clip(o.locked.Ref))
		}
	}
	return strings.Join(append(names, clip(from.locked.Ref)), " -> ")
}

// load asks for an orb and reads it with all that it uses; nil after a mistake.
func (c *compiler) load(ref, alias string, n *document.Node) *loaded {
	l := c.loader
	switch {
	case len(l.byRef) >= maxOrbs:
		c.fail(n, fmt.Sprintf("The config uses more than %d orbs, those of its orbs included; that is the limit", maxOrbs), "use fewer orbs")
		panic(stopped{})
	case len(l.open) >= maxOrbDepth:
		c.fail(n, fmt.Sprintf("Orbs use one another more than %d levels deep; that is the limit", maxOrbDepth), "look for an orb that uses itself")
		return nil
	}
	l.byRef[ref] = nil
	source, locked, ok := c.fetch(ref, n)
	if !ok {
		return nil
	}
	if same := l.byDigest[locked.Digest]; same != nil {
		l.byRef[ref] = same
		// Another reference to the same source.
		twin := *same
		twin.locked = locked
		l.order = append(l.order, &twin)
		return same
	}
	o := &loaded{locked: locked, source: source}
	l.order = append(l.order, o)
	l.byRef[ref], l.byDigest[locked.Digest] = o, o
	c.readLoaded(o, alias, n)
	return o
}

// readLoaded makes the module of an orb whose source is there.
func (c *compiler) readLoaded(o *loaded, alias string, n *document.Node) {
	l := c.loader
	c.addSource(o)
	defer func() { o.done = true }()
	title := fmt.Sprintf("Error in orb: '%s'", clip(c.inner(alias)))
	c.within(title, func() {
		c.adopt(o.source.problems)
		if o.source.template == nil {
			return
		}
		l.open = append(l.open, o)
		// An orb's scope begins anew, whoever refers to it.
		o.module = c.instance(o.source.template, c.inner(alias))
		l.open = l.open[:len(l.open)-1]
	})
	o.print = o.source.digest
	if len(o.uses) > 0 {
		sum := sha256.Sum256([]byte(o.print + "\n" + strings.Join(o.uses, "\n")))
		o.print = hex.EncodeToString(sum[:])
	}
}

// spendOrb counts a source, before it is read, and ends the compilation when
// all are too much.
func (c *compiler) spendOrb(locked core.LockedOrb, size document.Size, n *document.Node) {
	l := c.loader
	if l.byDigest[locked.Digest] != nil {
		return
	}
	if l.size == (document.Size{}) {
		l.size = document.Measure(c.request.Config)
	}
	l.size = l.size.Plus(size)
	if limit, _ := l.limits.Beyond(l.size); limit != "" {
		c.fail(n, fmt.Sprintf("The config and its orbs have more than %s together; that is the limit", limit), "use fewer or smaller orbs")
		panic(stopped{})
	}
}

// fetch returns the source of a reference: the one that was locked, one that is
// known to be the same, or what the resolver answers.
func (c *compiler) fetch(ref string, n *document.Node) (*orbSource, core.LockedOrb, bool) {
	l := c.loader
	if l.replay != nil {
		o := l.replay.byRef[ref]
		if o == nil {
			return nil, core.LockedOrb{}, false
		}
		return o.source, o.locked, true
	}
	if l.cache == nil { // of this compilation alone
		l.cache = NewOrbCache(10 * l.limits.Bytes)
	}
	locked, decided := l.lock[ref]
	if !decided && ExactReference(ref) {
		locked, decided = l.cache.exact(c.request.OrganizationID, ref)
	}
	if decided {
		if s := l.cache.source(locked.Digest); s != nil {
			c.spendOrb(locked, s.size, n)
			return s, locked, true
		}
	}
	if l.resolver == nil {
		c.fail(n, fmt.Sprintf("The orb %s cannot be fetched: there is no orb registry here", clip(ref)), "write the orb's elements below its alias, or ask a server")
		return nil, core.LockedOrb{}, false
	}
	answer, err := l.resolver.ResolveOrb(c.ctx, core.ResolveOrbRequest{Ref: ref, OrganizationID: c.request.OrganizationID, Digest: locked.Digest})
	if err != nil {
		c.unanswered(ref, n, err)
		return nil, core.LockedOrb{}, false
	}
	if !decided {
		locked = answer.LockedOrb
		locked.Ref = ref
	}
	if sum := sha256.Sum256([]byte(answer.Source)); hex.EncodeToString(sum[:]) != locked.Digest {
		c.giveUp(core.Errorf(core.CodeInternal, "the source of the orb %s is not the one with the digest %s", clip(ref), clip(locked.Digest)))
	}
	if !decided && ExactReference(ref) {
		l.cache.keepExact(c.request.OrganizationID, ref, locked)
	}
	size := document.Measure(answer.Source)
	c.spendOrb(locked, size, n)
	return l.cache.read(locked.Digest, answer.Source, size, l.limits), locked, true
}

// unanswered tells why a reference has no orb, or gives up where nobody can say.
func (c *compiler) unanswered(ref string, n *document.Node, err error) {
	reason := ""
	var e *core.Error
	if errors.As(err, &e) {
		reason = e.Message
	}
	switch core.ErrorCode(err) {
	case core.CodeNotFound:
		message := fmt.Sprintf("Cannot find %s in the orb registry. Check that the namespace, orb name and version are correct.", clip(ref))
		if isURL(ref) {
			message = fmt.Sprintf("Cannot find the orb %s. Check that the address is correct.", clip(ref))
		}
		c.fail(n, message, reason)
	case core.CodeForbidden, core.CodeInvalid, core.CodeConflict:
		c.fail(n, "Cannot use the orb "+clip(ref), reason)
	default:
		c.giveUp(fmt.Errorf("resolving the orb %s: %w", clip(ref), err))
	}
}

// giveUp ends a compilation whose answer would be wrong tomorrow.
func (c *compiler) giveUp(err error) {
	c.loader.unanswered = err
	panic(stopped{})
}

// file is how messages call the source: the reference with its exact version.
func (o *loaded) file() string {
	if name, _, ok := strings.Cut(o.locked.Ref, "@"); ok && o.locked.Version != "" {
		return name + "@" + o.locked.Version
	}
	return o.locked.Ref
}
