// SPDX-License-Identifier: MPL-2.0

package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/gitbundle"
)

// DefaultPath is the config file of a repository, and OtherPath the one that
// counts where there is none.
const (
	DefaultPath = ".circleci/config.yml"
	OtherPath   = ".muster/pipeline.hcl"
)

// Options say what a fetch may do.
type Options struct {
	// AllowLocal permits paths and file:// as repository URLs. They read
	// whatever this process may read, so that only embedded mode sets it.
	AllowLocal bool
	// Bundles opens an uploaded bundle by its object key; CodeNotFound when
	// there is none. nil: bundles are refused.
	Bundles func(ctx context.Context, key string) (io.ReadCloser, error)
	// MaxFile is the most bytes of the file; 0 means 1 MiB.
	MaxFile int64
	// Pack bounds what is fetched.
	Pack gitbundle.Limits
	// Timeout of the whole; 0 means one minute.
	Timeout time.Duration
}

// mistake is an error that is told in FetchResult.Errors.
type mistake struct{ core.ConfigError }

func (m *mistake) Error() string { return m.Message }

func mistakef(suggestion, format string, args ...any) error {
	return &mistake{core.ConfigError{Message: fmt.Sprintf(format, args...), Suggestion: suggestion}}
}

// Fetch resolves a source and reads the file. The result's Source is the
// request's with the revision, the commit's texts and, when none was asked for,
// the branch that HEAD stands on.
func Fetch(ctx context.Context, request core.FetchRequest, options Options) (core.FetchResult, error) {
	if options.Timeout <= 0 {
		options.Timeout = time.Minute
	}
	if options.MaxFile <= 0 {
		options.MaxFile = 1 << 20
	}
	bounded, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	result, err := fetch(bounded, request, options)
	var m *mistake
	switch {
	case errors.As(err, &m):
		m.File = request.Path
		return core.FetchResult{Source: result.Source, Errors: []core.ConfigError{m.ConfigError}}, nil
	case err != nil && ctx.Err() == nil && bounded.Err() != nil:
		return result, &core.Error{Code: core.CodeUnavailable, Message: fmt.Sprintf("the repository did not answer within %s", options.Timeout), Err: err}
	case err != nil && core.ErrorCode(err) == core.CodeInvalid:
		// What was sent is damaged or too large; asking again cannot help.
		return core.FetchResult{Source: request.Source, Errors: []core.ConfigError{{Message: core.ErrorMessage(err), File: request.Path}}}, nil
	}
	return result, err
}

func fetch(ctx context.Context, request core.FetchRequest, options Options) (core.FetchResult, error) {
	result := core.FetchResult{Source: request.Source}
	file, err := cleanPath(request.Path)
	if err != nil {
		return result, err
	}
	if err := checkRevision(request.Source); err != nil {
		return result, err
	}
	folder, err := os.MkdirTemp(options.Pack.TempDir, "muster-source-")
	if err != nil {
		return result, fmt.Errorf("making a temporary folder: %w", err)
	}
	defer os.RemoveAll(folder)
	tree, err := open(ctx, request.Source, folder, options)
	if err != nil {
		return result, err
	}
	result.Source = tree.describe(request.Source)
	if request.Path == "" && !tree.has(DefaultPath) && tree.has(OtherPath) {
		file = OtherPath
	}
	result.Path = file
	result.Config, err = tree.file(file, options.MaxFile)
	return result, err
}

// open finds the commit on the road that the source names.
func open(ctx context.Context, s core.Source, folder string, options Options) (*tree, error) {
	if s.Bundle == "" {
		if local, ok := localPath(s.RepositoryURL); ok {
			return openLocal(local, s, options)
		}
	}
	objects := filesystem.NewStorage(osfs.New(folder, osfs.WithBoundOS()), cache.NewObjectLRU(8*cache.MiByte))
	switch {
	case s.Bundle != "":
		return openBundle(ctx, s, objects, options)
	case s.RepositoryURL != "":
		return openRemote(ctx, s, objects, options)
	default:
		return nil, mistakef("give the project a repository URL, or trigger with `muster run`, which sends the repository along",
			"The project has no repository URL, and the trigger brought no repository")
	}
}

// cleanPath keeps a path inside of the repository.
func cleanPath(file string) (string, error) {
	if file == "" {
		return DefaultPath, nil
	}
	clean := path.Clean(file)
	if path.IsAbs(clean) || clean == "." || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsRune(clean, 0) {
		return "", mistakef("name a file inside of the repository, such as "+DefaultPath, "%q is not a path of a config file", file)
	}
	return clean, nil
}

func checkRevision(s core.Source) error {
	if s.Revision == "" {
		return nil
	}
	if len(s.Revision) != 40 || strings.Trim(s.Revision, "0123456789abcdef") != "" {
		return mistakef("give all 40 digits, in lower case", "%q is not a commit", s.Revision)
	}
	return nil
}
