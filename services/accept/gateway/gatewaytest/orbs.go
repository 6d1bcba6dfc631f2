// SPDX-License-Identifier: MPL-2.0

package gatewaytest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
)

// registry is what the platform holds of orbs.
type registry struct {
	namespaces map[string]core.Namespace // by name and old names
	orbs       map[string]core.Orb       // by full name
	versions   map[string][]core.OrbVersion
}

func newRegistry() registry {
	return registry{namespaces: map[string]core.Namespace{}, orbs: map[string]core.Orb{}, versions: map[string][]core.OrbVersion{}}
}

// categories are the fake's.
var categories = []string{"Build", "Deployment", "Testing"}

// CreateNamespace implements core.Orbs.
func (p *Platform) CreateNamespace(_ context.Context, n core.Namespace) (core.Namespace, error) {
	defer p.lock("CreateNamespace")()
	if _, taken := p.registry.namespaces[n.Name]; taken {
		return core.Namespace{}, core.Errorf(core.CodeConflict, "There is a namespace %q already.", n.Name)
	}
	n.CreatedAt = time.Unix(1_700_000_000, 0).UTC()
	p.registry.namespaces[n.Name] = n
	return n, p.check("CreateNamespace")
}

// Namespace implements core.Orbs.
func (p *Platform) Namespace(_ context.Context, name string) (core.Namespace, error) {
	defer p.lock("Namespace")()
	n, err := p.namespace(name)
	return n, cmp.Or(p.check("Namespace"), err)
}

func (p *Platform) namespace(name string) (core.Namespace, error) {
	if n, ok := p.registry.namespaces[name]; ok {
		return n, nil
	}
	for _, n := range p.registry.namespaces {
		if n.ID == name {
			return n, nil
		}
	}
	return core.Namespace{}, core.Errorf(core.CodeNotFound, "There is no namespace %q.", name)
}

// RenameNamespace implements core.Orbs; orbs of the fake keep their names.
func (p *Platform) RenameNamespace(_ context.Context, rename core.NamespaceRename) (core.Namespace, error) {
	defer p.lock("RenameNamespace")()
	n, err := p.namespace(rename.From)
	if err != nil {
		return core.Namespace{}, err
	}
	n.Name = rename.To
	p.registry.namespaces[rename.From], p.registry.namespaces[rename.To] = n, n
	return n, nil
}

// DeleteNamespaceAlias implements core.Orbs.
func (p *Platform) DeleteNamespaceAlias(_ context.Context, name string) error {
	defer p.lock("DeleteNamespaceAlias")()
	if n, ok := p.registry.namespaces[name]; !ok || n.Name == name {
		return core.Errorf(core.CodeNotFound, "%q is no old name of a namespace.", name)
	}
	delete(p.registry.namespaces, name)
	return nil
}

// DeleteNamespace implements core.Orbs.
func (p *Platform) DeleteNamespace(_ context.Context, name string) error {
	defer p.lock("DeleteNamespace")()
	delete(p.registry.namespaces, name)
	for full := range p.registry.orbs {
		if strings.HasPrefix(full, name+"/") {
			delete(p.registry.orbs, full)
		}
	}
	return nil
}

// CreateOrb implements core.Orbs.
func (p *Platform) CreateOrb(_ context.Context, orb core.Orb) (core.Orb, error) {
	defer p.lock("CreateOrb")()
	if _, taken := p.registry.orbs[orb.FullName()]; taken {
		return core.Orb{}, core.Errorf(core.CodeConflict, "There is an orb %s already.", orb.FullName())
	}
	orb.CreatedAt = time.Unix(1_700_000_001, 0).UTC()
	p.registry.orbs[orb.FullName()] = orb
	return orb, nil
}

// Orb implements core.Orbs.
func (p *Platform) Orb(_ context.Context, key core.OrbKey) (core.Orb, error) {
	defer p.lock("Orb")()
	orb, err := p.orb(key)
	return orb, cmp.Or(p.check("Orb"), err)
}

func (p *Platform) orb(key core.OrbKey) (core.Orb, error) {
	for full, orb := range p.registry.orbs {
		visible := !orb.Private || p.registry.namespaces[orb.Namespace].OrganizationID == key.OrganizationID
		if orb.ID == key.Orb || full == key.Orb && visible {
			return orb, nil
		}
	}
	return core.Orb{}, core.Errorf(core.CodeNotFound, "There is no orb %s.", key.Orb)
}

// ListOrbs implements core.Orbs; tokens are the last name of the page before.
func (p *Platform) ListOrbs(_ context.Context, filter core.OrbFilter) (core.OrbList, error) {
	defer p.lock("ListOrbs")()
	list := core.OrbList{}
	for _, orb := range p.registry.orbs {
		owned := p.registry.namespaces[orb.Namespace].OrganizationID == filter.OrganizationID
		if orb.Private != filter.Private || orb.Private && !owned || !orb.Private && !orb.Listed || filter.Namespace != "" && orb.Namespace != filter.Namespace {
			continue
		}
		list.Total++
		if orb.FullName() > filter.Page.Token {
			list.Items = append(list.Items, orb)
		}
	}
	slices.SortFunc(list.Items, func(a, b core.Orb) int { return strings.Compare(a.FullName(), b.FullName()) })
	if limit := cmp.Or(filter.Page.Limit, 20); len(list.Items) > limit {
		list.Items = list.Items[:limit]
		list.Next = list.Items[limit-1].FullName()
	}
	return list, p.check("ListOrbs")
}

// ChangeOrb implements core.Orbs.
func (p *Platform) ChangeOrb(_ context.Context, change core.OrbChange) (core.Orb, error) {
	defer p.lock("ChangeOrb")()
	orb := p.registry.orbs[change.Orb]
	if change.Listed != nil {
		orb.Listed = *change.Listed
	}
	if change.AddCategory != "" {
		orb.Categories = append(orb.Categories, change.AddCategory)
	}
	orb.Categories = slices.DeleteFunc(slices.Clone(orb.Categories), func(c string) bool { return c == change.RemoveCategory })
	p.registry.orbs[change.Orb] = orb
	return orb, nil
}

// OrbCategories implements core.Orbs.
func (p *Platform) OrbCategories(context.Context) ([]string, error) {
	defer p.lock("OrbCategories")()
	return categories, nil
}

// PublishOrb implements core.Orbs.
func (p *Platform) PublishOrb(_ context.Context, request core.PublishOrbRequest) (core.OrbVersion, error) {
	defer p.lock("PublishOrb")()
	return p.publish(request)
}

func (p *Platform) publish(request core.PublishOrbRequest) (core.OrbVersion, error) {
	sum := sha256.Sum256([]byte(request.Source))
	made := core.OrbVersion{
		ID: cmp.Or(request.ID, p.id()), Orb: request.Orb, Version: request.Version, Source: request.Source,
		Digest: hex.EncodeToString(sum[:]), CreatedAt: time.Unix(1_700_000_002, 0).UTC(),
	}
	versions := p.registry.versions[request.Orb]
	at := slices.IndexFunc(versions, func(v core.OrbVersion) bool { return v.Version == request.Version })
	switch {
	case at < 0:
		versions = append(versions, made)
	case strings.HasPrefix(request.Version, "dev:"):
		versions[at] = made
	case request.Import && versions[at].Digest == made.Digest:
		return versions[at], nil
	default:
		return core.OrbVersion{}, core.Errorf(core.CodeConflict, "%s@%s is released and cannot change.", request.Orb, request.Version)
	}
	slices.SortFunc(versions, func(a, b core.OrbVersion) int { return cmp.Compare(rank(b.Version), rank(a.Version)) })
	p.registry.versions[request.Orb] = versions
	if orb := p.registry.orbs[request.Orb]; rank(versions[0].Version) > 0 {
		orb.Latest = versions[0].Version
		p.registry.orbs[request.Orb] = orb
	}
	return made, nil
}

// rank orders versions; that of a dev version is 0.
func rank(version string) int {
	total := 0
	for _, part := range strings.Split(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return 0
		}
		total = total*1000 + n
	}
	return total
}

// PromoteOrb implements core.Orbs.
func (p *Platform) PromoteOrb(_ context.Context, request core.PromoteOrbRequest) (core.OrbVersion, error) {
	defer p.lock("PromoteOrb")()
	for _, v := range p.registry.versions[request.Orb] {
		if v.Version == request.From {
			return p.publish(core.PublishOrbRequest{ID: request.ID, Orb: request.Orb, Version: request.Version, Source: v.Source})
		}
	}
	return core.OrbVersion{}, core.Errorf(core.CodeNotFound, "There is no %s@%s.", request.Orb, request.From)
}

// OrbVersion implements core.Orbs.
func (p *Platform) OrbVersion(_ context.Context, key core.OrbKey) (core.OrbVersion, error) {
	defer p.lock("OrbVersion")()
	if _, err := p.orb(key); err != nil {
		return core.OrbVersion{}, err
	}
	for _, v := range p.registry.versions[key.Orb] {
		if v.Version == key.Version || rank(v.Version) > 0 && (key.Version == "volatile" || strings.HasPrefix(v.Version, key.Version+".")) {
			return v, nil
		}
	}
	return core.OrbVersion{}, core.Errorf(core.CodeNotFound, "There is no %s@%s.", key.Orb, key.Version)
}

// OrbVersions implements core.Orbs.
func (p *Platform) OrbVersions(_ context.Context, key core.OrbKey) ([]core.OrbVersion, error) {
	defer p.lock("OrbVersions")()
	versions := slices.Clone(p.registry.versions[key.Orb])
	for i := range versions {
		versions[i].Source = ""
	}
	return versions, nil
}

// ResolveOrb implements core.Orbs; the gateway resolves none.
func (p *Platform) ResolveOrb(context.Context, core.ResolveOrbRequest) (core.ResolvedOrb, error) {
	return core.ResolvedOrb{}, fmt.Errorf("the gateway resolves no orbs")
}

// ListOrbPrefixes implements core.Orbs.
func (p *Platform) ListOrbPrefixes(context.Context, core.OrganizationID) ([]core.OrbPrefix, error) {
	defer p.lock("ListOrbPrefixes")()
	return nil, nil
}

// AddOrbPrefix implements core.Orbs.
func (p *Platform) AddOrbPrefix(_ context.Context, prefix core.OrbPrefix) (core.OrbPrefix, error) {
	defer p.lock("AddOrbPrefix")()
	return prefix, nil
}

// RemoveOrbPrefix implements core.Orbs.
func (p *Platform) RemoveOrbPrefix(context.Context, core.OrbPrefix) error {
	defer p.lock("RemoveOrbPrefix")()
	return nil
}
