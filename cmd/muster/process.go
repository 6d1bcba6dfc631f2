// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/hcl/settings"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/keyfile"
	"github.com/muster-ci/muster/internal/module"
)

// newLogger makes the process's logger.
func newLogger(s settings.Log) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name: "muster", Level: hclog.LevelFromString(s.Level), JSONFormat: s.JSON, Output: os.Stderr,
		IncludeLocation: false,
	})
}

// targets reads "all" or names separated by commas.
func targets(text string) ([]string, error) {
	known := serviceNames()
	if text == "all" {
		return known, nil
	}
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		name = strings.TrimSpace(name)
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-target=%s: there is no service %q; there are all, %s", text, name, strings.Join(known, ", "))
		}
		names = append(names, name)
	}
	return names, nil
}

// runServices makes the named services and runs them until ctx ends. Services
// are started from the end of the data path to its beginning, so that the way
// in opens last; whoever calls a peer that is not there yet tries again.
func runServices(ctx context.Context, m *seams, names []string, last ...module.Module) error {
	made := map[string]*running{}
	var parts []module.Module
	for _, row := range slices.Backward(services) {
		if !slices.Contains(names, row.name) {
			continue
		}
		r, err := row.make(m)
		if err != nil {
			return fmt.Errorf("making %s: %w", row.name, err)
		}
		made[row.name] = r
		part, err := m.serviceModule(row.name, r)
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	internal, err := m.internalModules(made)
	if err != nil {
		return err
	}
	return module.Run(ctx, m.logger, slices.Concat(internal, m.modules, parts, last))
}

// serviceModule is a service's loops and its public face.
func (m *seams) serviceModule(name string, r *running) (module.Module, error) {
	var listeners []net.Listener
	for _, address := range r.addresses {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return module.Module{}, fmt.Errorf("listening for %s: %w; change its address in the settings' listen block, or stop what listens there", name, err)
		}
		listeners = append(listeners, listener)
	}
	return module.Module{Name: name, Ready: r.service.Ready, Run: func(ctx context.Context) error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return r.service.Run(ctx) })
		for _, listener := range listeners {
			if r.certificate != nil {
				listener = tls.NewListener(listener, r.certificate.Config())
			}
			group.Go(func() error { return httpx.Serve(ctx, listener, r.public) })
		}
		return group.Wait()
	}}, nil
}

// internalModules serve the internal face: on one address where a catalog
// outside knows it, and on one in-memory listener a service otherwise.
func (m *seams) internalModules(made map[string]*running) ([]module.Module, error) {
	face := m.internalFace(made)
	listeners := map[string]net.Listener{}
	if m.memory == nil || m.settings.Listen.Internal != "" {
		listener, err := net.Listen("tcp", m.settings.Listen.Internal)
		if err != nil {
			return nil, fmt.Errorf("listening for other services: %w; change listen.internal in the settings, or stop what listens there", err)
		}
		listeners["internal"] = listener
	}
	if m.memory != nil {
		for name := range made {
			listener, err := m.memory.Listen(name)
			if err != nil {
				return nil, fmt.Errorf("listening for %s: %w", name, err)
			}
			listeners[name] = listener
		}
	}
	var modules []module.Module
	for name, listener := range listeners {
		modules = append(modules, serveModule("http/"+name, listener, face))
	}
	return modules, nil
}

func serveModule(name string, listener net.Listener, handler http.Handler) module.Module {
	return module.Module{Name: name, Run: func(ctx context.Context) error { return httpx.Serve(ctx, listener, handler) }}
}

// writeToken puts a token where only its owner reads it, whole or not at all.
func writeToken(path, value string) error {
	if path == "" {
		return errors.New("there is no place for the first token: set identity.admin_token in the settings")
	}
	if err := keyfile.Replace(path, []byte(value+"\n")); err != nil {
		return fmt.Errorf("writing the token: %w", err)
	}
	return nil
}
