// SPDX-License-Identifier: MPL-2.0

package worktree

import (
	"net/url"
	"os/user"
	"path/filepath"
	"strings"
)

// Slug is the project slug that the repository's remote stands for, such as
// gh/acme/site; without a remote it is made of the user and the folder.
func (w *Worktree) Slug() string {
	host, path := splitRemote(w.Remote)
	parts := strings.Split(strings.Trim(strings.TrimSuffix(path, ".git"), "/"), "/")
	if host == "" || len(parts) < 2 {
		return "gh/" + userName() + "/" + clean(filepath.Base(w.Root))
	}
	vcs := "gh"
	if strings.HasSuffix(host, "bitbucket.org") {
		vcs = "bb"
	}
	return vcs + "/" + clean(parts[len(parts)-2]) + "/" + clean(parts[len(parts)-1])
}

// splitRemote reads https://host/path, ssh://user@host/path and user@host:path;
// host is "" for everything else, folders first of all.
func splitRemote(remote string) (host, path string) {
	if strings.Contains(remote, "://") {
		u, err := url.Parse(remote)
		if err != nil || u.Scheme == "file" {
			return "", ""
		}
		return u.Hostname(), u.Path
	}
	host, path, ok := strings.Cut(remote, ":")
	if !ok || strings.Contains(host, "/") {
		return "", ""
	}
	return host[strings.LastIndexByte(host, '@')+1:], path
}

// WebURL is the remote as a server can clone it, without a password that may
// stand in it; "" when no server can.
func (w *Worktree) WebURL() string {
	host, _ := splitRemote(w.Remote)
	if host == "" {
		return ""
	}
	if u, err := url.Parse(w.Remote); err == nil && u.User != nil && strings.HasPrefix(u.Scheme, "http") {
		u.User = nil
		return u.String()
	}
	return w.Remote
}

func userName() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "local"
	}
	return clean(u.Username[strings.LastIndexByte(u.Username, '\\')+1:])
}

// clean turns a name into one that a slug may hold.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
			return r
		default:
			return '-'
		}
	}, name)
	name = strings.TrimLeft(name, ".")
	if name == "" {
		return "local"
	}
	return name[:min(len(name), 100)]
}
