// SPDX-License-Identifier: MPL-2.0

package checkout

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
)

// maxBundle bounds what a bundle may take of the allocation's disk.
const maxBundle = 4 << 30

// Request says what to bring where.
type Request struct {
	Source core.Source
	Step   core.CheckoutStep
	Path   string   // absolute
	Env    []string // of the step; decides which git is found
	Out    io.Writer
	// Bundle opens the bundle of a source that has one.
	Bundle    func(ctx context.Context) (io.ReadCloser, error)
	TempDir   string
	Processes *process.Table
	Grace     time.Duration // from SIGTERM to SIGKILL of git
}

// Run brings the source. Its errors are sentences for the person whose job it
// is; what git said is in the output already.
func Run(ctx context.Context, r Request) error {
	exists, err := r.inspect()
	if err != nil {
		return err
	}
	if r.Source.RepositoryURL == "" && r.Source.Bundle == "" {
		return errors.New("the pipeline has no source: its project names no repository and no bundle was sent")
	}
	bundle := ""
	if r.Source.Bundle != "" {
		if bundle, err = r.download(ctx); err != nil {
			return err
		}
		defer os.Remove(bundle)
	}
	if process.LookPath("git", r.Env) {
		return (&gitTool{Request: r, bundle: bundle}).run(ctx, exists)
	}
	fmt.Fprintln(r.Out, "There is no git in the image; using the agent's own.")
	return (&native{Request: r, bundle: bundle}).run(ctx, exists)
}

// inspect tells whether the folder is a repository already, and makes it if it
// is not there.
func (r *Request) inspect() (exists bool, err error) {
	if err := os.MkdirAll(r.Path, 0o755); err != nil {
		return false, fmt.Errorf("making the folder: %w", err)
	}
	if _, err := os.Stat(filepath.Join(r.Path, ".git")); err == nil {
		return true, nil
	}
	dir, err := os.Open(r.Path)
	if err != nil {
		return false, fmt.Errorf("looking into the folder: %w", err)
	}
	defer dir.Close()
	switch _, err := dir.Readdirnames(1); {
	case errors.Is(err, io.EOF):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking into the folder: %w", err)
	default:
		return false, fmt.Errorf("Directory (%s) you are trying to checkout to is not empty and not a git repository", r.Path) //nolint:staticcheck // CircleCI's sentence
	}
}

// download fetches the bundle to a file, trying a few times: it comes over the
// same network as everything else.
func (r *Request) download(ctx context.Context) (string, error) {
	if r.Bundle == nil {
		return "", errors.New("the source is a bundle and this agent cannot fetch one")
	}
	var last error
	for try := range 6 {
		if try > 0 {
			select {
			case <-ctx.Done():
				return "", context.Cause(ctx)
			case <-time.After(time.Second << try / 2):
			}
		}
		path, err := r.downloadOnce(ctx)
		if err == nil {
			return path, nil
		}
		last = err
		fmt.Fprintf(r.Out, "Fetching the bundle of the source: %v\n", err)
	}
	return "", fmt.Errorf("fetching the bundle of the source: %w", last)
}

func (r *Request) downloadOnce(ctx context.Context) (path string, err error) {
	from, err := r.Bundle(ctx)
	if err != nil {
		return "", err
	}
	defer from.Close()
	to, err := os.CreateTemp(r.TempDir, "source-*.bundle")
	if err != nil {
		return "", err
	}
	n, err := io.Copy(to, io.LimitReader(from, maxBundle+1))
	if n > maxBundle {
		err = fmt.Errorf("the bundle is larger than %d GiB", maxBundle>>30)
	}
	if err = errors.Join(err, to.Close()); err != nil {
		return "", errors.Join(err, os.Remove(to.Name()))
	}
	return to.Name(), nil
}

// wanted names what is checked out, for output.
func (r *Request) wanted() string {
	switch {
	case r.Source.Tag != "":
		return "tag " + r.Source.Tag
	case r.Source.Branch != "":
		return "branch " + r.Source.Branch
	default:
		return "revision " + r.Source.Revision
	}
}
