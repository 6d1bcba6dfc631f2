// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/internal/orbpack"
	"github.com/muster-ci/muster/internal/terminal"
)

const orbImportHelp = `Brings orbs into the registry, many at once: from a folder, or a .zip, .tar or
.tar.gz archive. Versions are found by their names, packed and unpacked:

  <namespace>/<orb>/<version>.yml    <namespace>/<orb>@<version>.yml
  <namespace>/<orb>/<version>/       <namespace>/<orb>@<version>/

or by orbs.yml at the top, which then is all that counts:

  namespaces: {acme: gh/acme}      # organizations of namespaces that are made
  orbs:
    - {orb: acme/go, version: 1.2.3, path: go/src, private: true, categories: [Build]}

Namespaces and orbs are made where there are none; a namespace without an
organization is the installation's own. The order does not matter. Doing it again
does what is left to do: a version that is there with the same source is left
alone, and one with another source is told as failed.`

// orbImportCommand is `muster orb import`.
func orbImportCommand(o *options) *cobra.Command {
	var organization string
	cmd := &cobra.Command{
		Use:     "import path",
		Short:   "Bring in orbs from a folder or an archive",
		Long:    orbImportHelp,
		Example: "  muster orb import orbs.tar.gz",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			fsys, closer, err := orbpack.Open(args[0])
			if err != nil {
				return err
			}
			defer closer.Close()
			found, err := orbpack.Find(fsys)
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			s, err := o.connect()
			if err != nil {
				return err
			}
			i := &orbImport{s: s, found: found, organization: organization, out: cmd.OutOrStdout(), quiet: o.json}
			return o.showImported(cmd, i, i.run(cmd.Context()))
		},
	}
	cmd.Flags().StringVar(&organization, "organization", "", "slug or id of the organization of a namespace that is made (default: that of the manifest, or none)")
	return cmd
}

// imported is the summary of an import.
type imported struct {
	New    int               `json:"new"`
	Same   int               `json:"same"`
	Failed map[string]string `json:"failed"` // reasons by reference
}

func (o *options) showImported(cmd *cobra.Command, i *orbImport, err error) error {
	if err != nil {
		return err
	}
	for _, name := range i.found.Unknown {
		fmt.Fprintf(cmd.ErrOrStderr(), "left out: %s is not named as a version\n", name)
	}
	if err := o.confirm(cmd, i.sum, "%d new, %d the same, %d failed.", i.sum.New, i.sum.Same, len(i.sum.Failed)); err != nil {
		return err
	}
	if n := len(i.sum.Failed); n > 0 {
		return failure{exitFailed, fmt.Sprintf("%d of %d versions were not imported", n, len(i.found.Versions))}
	}
	return nil
}

// orbImport is one import on its way.
type orbImport struct {
	s            *session
	found        orbpack.Import
	organization string
	out          io.Writer
	quiet        bool

	mu  sync.Mutex
	sum imported
}

// importers is how many orbs are brought in side by side.
const importers = 4

// run brings in everything, orb by orb. Its error is that the server cannot be
// spoken to; what fails of a single version is in the summary.
func (i *orbImport) run(ctx context.Context) error {
	i.sum.Failed = map[string]string{}
	byOrb := map[string][]orbpack.Version{}
	var order []string
	for _, v := range i.found.Versions {
		if byOrb[v.Orb] == nil {
			order = append(order, v.Orb)
		}
		byOrb[v.Orb] = append(byOrb[v.Orb], v)
	}
	namespaces, err := i.namespaces(ctx, order)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(importers)
	for _, orb := range order {
		namespace, _, _ := strings.Cut(orb, "/")
		if err := namespaces[namespace]; err != nil {
			for _, v := range byOrb[orb] {
				i.note(v, "", err)
			}
			continue
		}
		group.Go(func() error { return i.orb(ctx, orb, byOrb[orb]) })
	}
	return group.Wait()
}

// lost tells a server that cannot be spoken to from one that says no, and from
// what is wrong with a single version.
func lost(err error) bool {
	var answer *client.Error
	var mistake badSource
	return err != nil && !errors.As(err, &answer) && !errors.As(err, &mistake) || client.IsStatus(err, 401, 503)
}

// namespaces makes what is missing; what could not be made is in the result.
func (i *orbImport) namespaces(ctx context.Context, orbs []string) (map[string]error, error) {
	done := map[string]error{}
	for _, orb := range orbs {
		name, _, _ := strings.Cut(orb, "/")
		if _, known := done[name]; known {
			continue
		}
		_, err := i.s.Namespace(ctx, name)
		if client.IsStatus(err, 404) {
			organization := first(i.found.Organizations[name], i.organization)
			_, err = i.s.CreateNamespace(ctx, api.NewNamespace{Name: name, Organization: organization})
			if client.IsStatus(err, 409) {
				if _, again := i.s.Namespace(ctx, name); again == nil {
					err = nil // somebody else made it meanwhile
				}
			}
		}
		if lost(err) {
			return nil, err
		}
		done[name] = err
	}
	return done, nil
}

// orb brings in the versions of one orb.
func (i *orbImport) orb(ctx context.Context, name string, versions []orbpack.Version) error {
	ref, err := parseOrbRef(name)
	if err != nil {
		err = badSource{err}
	} else {
		err = i.ensure(ctx, ref, versions)
	}
	known := map[string]string{}
	if err == nil {
		var there []api.OrbVersion
		there, err = i.s.OrbVersions(ctx, ref.namespace, ref.orb)
		for _, v := range there {
			known[v.Version] = v.Digest
		}
	}
	for _, v := range versions {
		done, failed := "", err
		if err == nil {
			done, failed = i.version(ctx, ref, v, known[v.Version])
		}
		if lost(failed) {
			return failed
		}
		i.note(v, done, failed)
	}
	return nil
}

// ensure makes the orb where it is not there, and adds its categories.
func (i *orbImport) ensure(ctx context.Context, ref orbRef, versions []orbpack.Version) error {
	private := slices.ContainsFunc(versions, func(v orbpack.Version) bool { return v.Private })
	orb, err := i.s.Orb(ctx, ref.namespace, ref.orb)
	if client.IsStatus(err, 404) {
		orb, err = i.s.CreateOrb(ctx, api.NewOrb{Name: ref.String(), Private: private})
	}
	if err != nil {
		return err
	}
	if private && !orb.Private {
		return badSource{fmt.Errorf("%s is public in the registry, and the manifest says that it is private; a public orb cannot become private", ref)}
	}
	for _, v := range versions {
		for _, category := range v.Categories {
			if slices.Contains(orb.Categories, category) {
				continue
			}
			if orb, err = i.s.ChangeOrb(ctx, ref.namespace, ref.orb, api.OrbChange{AddCategory: category}); err != nil {
				return err
			}
		}
	}
	return nil
}

// badSource is a mistake of what is imported and not of the way to the server.
type badSource struct{ error }

// version brings in one version; digest is that of the version that is there.
func (i *orbImport) version(ctx context.Context, ref orbRef, v orbpack.Version, digest string) (string, error) {
	source, err := v.Source()
	if err != nil {
		return "", badSource{err}
	}
	sum := sha256.Sum256([]byte(source))
	switch {
	case hex.EncodeToString(sum[:]) == digest:
		return "same", nil
	case digest != "" && !strings.HasPrefix(v.Version, "dev:"):
		return "", badSource{errors.New("it is in the registry with another source, and a released version never changes")}
	}
	_, err = i.s.PublishOrb(ctx, ref.namespace, ref.orb, api.PublishOrb{Version: v.Version, Source: source, Import: true}, core.NewID())
	return "new", err
}

// note counts a version and shows it.
func (i *orbImport) note(v orbpack.Version, done string, err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	name := v.Orb + "@" + v.Version
	switch {
	case err != nil:
		done = "failed"
		i.sum.Failed[name] = err.Error()
	case done == "new":
		i.sum.New++
	default:
		i.sum.Same++
	}
	if i.quiet {
		return
	}
	fmt.Fprintf(i.out, "%-6s  %s\n", done, name)
	if err != nil {
		fmt.Fprintf(i.out, "        %s: %s\n", v.Path, strings.ReplaceAll(terminal.Plain(err.Error()), "\n", "\n        "))
	}
}
