// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/internal/worktree"
)

// devAddress is where `muster dev` listens unless told otherwise.
const devAddress = "http://127.0.0.1:8080"

// errNoInstallation: nothing tells which installation is meant.
var errNoInstallation = errors.New("not logged in; run `muster login <address>`, set MUSTER_HOST and MUSTER_TOKEN, or start `muster dev` here")

// session is a connection to an installation.
type session struct {
	*client.Client
	local bool // the installation is on this machine
}

// connect finds the installation and the token, from near to far: the
// environment, the folder of a `muster dev` (.muster/token) here or above, the
// last login. A token that was found for one host is never sent to another.
func (o *options) connect() (*session, error) {
	host, token, err := o.credentials()
	if err != nil {
		return nil, err
	}
	c, err := client.New(host, token, trusting(host))
	if err != nil {
		return nil, err
	}
	return &session{Client: c, local: isLocal(host)}, nil
}

func (o *options) credentials() (host, token string, err error) {
	host = first(o.host, os.Getenv("MUSTER_HOST"))
	if token = os.Getenv("MUSTER_TOKEN"); token != "" {
		return first(host, devAddress), token, nil
	}
	// The folder of a dev server counts for servers on this machine only: it may
	// have come with a repository that somebody else made.
	if folder := devFolder(); folder != "" && (host == "" || isLocal(host)) {
		data, err := os.ReadFile(filepath.Join(folder, "token"))
		if err == nil {
			return first(host, devHost(folder)), strings.TrimSpace(string(data)), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", "", fmt.Errorf("reading the token of the dev server: %w", err)
		}
	}
	logins, err := readLogins()
	if err != nil {
		return "", "", err
	}
	host = first(host, logins.Current)
	if host == "" {
		return "", "", errNoInstallation
	}
	token = logins.Tokens[strings.TrimRight(host, "/")]
	if token == "" {
		return "", "", fmt.Errorf("not logged in to %s; run `muster login %s` or set MUSTER_TOKEN", host, host)
	}
	return host, token, nil
}

func first(texts ...string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}

// devFolder looks for the folder of a dev server here and above.
func devFolder() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		folder := filepath.Join(dir, ".muster")
		if _, err := os.Stat(filepath.Join(folder, "token")); err == nil {
			return folder
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// devHost reads the address that a dev server left beside its token when it is
// not the usual one.
func devHost(folder string) string {
	data, err := os.ReadFile(filepath.Join(folder, "url"))
	if host := strings.TrimSpace(string(data)); err == nil && isLocal(host) {
		return host
	}
	return devAddress
}

func isLocal(host string) bool {
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// logins is the file in which `muster login` keeps tokens.
type logins struct {
	Current string            `json:"current"`
	Tokens  map[string]string `json:"tokens"` // by host
}

func loginsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("finding the folder for settings: %w", err)
	}
	return filepath.Join(dir, "muster", "cli.json"), nil
}

func readLogins() (logins, error) {
	l := logins{Tokens: map[string]string{}}
	path, err := loginsPath()
	if err != nil {
		return l, nil // no home, no logins
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &l)
	}
	if err != nil {
		return l, fmt.Errorf("reading %s: %w", path, err)
	}
	return l, nil
}

// write replaces the file in one step, readable for its owner only.
func (l logins) write() error {
	path, err := loginsPath()
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(l, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(path), "cli-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name()) // gone after the rename
	_, err = file.Write(append(data, '\n'))
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// slug is the project that a command is about.
func (o *options) slug(ctx context.Context) (string, error) {
	if o.project != "" {
		slug, err := core.ParseProjectSlug(o.project)
		return slug.String(), err
	}
	tree, err := worktree.Open(ctx, ".")
	if errors.Is(err, worktree.ErrNone) {
		return "", errors.New("which project? This folder is in no git repository; name one with --project gh/org/name")
	}
	if err != nil {
		return "", err
	}
	return tree.Slug(), nil
}
