// SPDX-License-Identifier: MPL-2.0

package checkout

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
)

// gitTool checks out with the image's git.
type gitTool struct {
	Request
	bundle string
}

// Refspecs of a whole repository.
const (
	allHeads = "+refs/heads/*:refs/remotes/origin/*"
	allTags  = "+refs/tags/*:refs/tags/*"
)

func (g *gitTool) run(ctx context.Context, exists bool) error {
	g.Env = append(g.Env[:len(g.Env):len(g.Env)], "GIT_TERMINAL_PROMPT=0")
	if process.Getenv(g.Env, "GIT_SSH_COMMAND") == "" {
		// The hosts of forges are not known here; their keys are taken on the
		// first visit and must stay the same for the rest of the job.
		g.Env = append(g.Env, "GIT_SSH_COMMAND=ssh -o StrictHostKeyChecking=accept-new -o BatchMode=yes")
	}
	if err := g.open(ctx, exists); err != nil {
		return err
	}
	var err error
	if g.bundle != "" {
		err = g.unbundle(ctx)
	} else {
		err = g.fetch(ctx)
	}
	if err != nil {
		return err
	}
	return g.checkout(ctx)
}

// open makes or reuses the repository.
func (g *gitTool) open(ctx context.Context, exists bool) error {
	if exists {
		g.say("The folder %s is a git repository already: fetching only", g.Path)
	} else {
		g.say("Cloning git repository")
		if err := g.git(ctx, "-c", "init.defaultBranch=main", "init", "--quiet"); err != nil {
			return err
		}
	}
	// A collection in the background would go on when the step has ended.
	if err := g.git(ctx, "config", "gc.auto", "0"); err != nil {
		return err
	}
	if url := g.Source.RepositoryURL; url != "" {
		if _, err := g.read(ctx, "remote", "get-url", "origin"); err == nil {
			return g.git(ctx, "remote", "set-url", "origin", url)
		}
		return g.git(ctx, "remote", "add", "origin", url)
	}
	return nil
}

// fetch brings the revision and, but for a shallow checkout, all branches and
// tags. A way that a server does not offer falls back to a plainer one.
func (g *gitTool) fetch(ctx context.Context) error {
	g.say("Fetching %s", g.wanted())
	switch g.Step.Method {
	case core.CheckoutShallow:
		if g.shallow(ctx) == nil && g.has(ctx) {
			return nil
		}
		g.say("The server gives no shallow history of the revision: fetching all of it")
	case core.CheckoutBlobless:
		err := g.git(ctx, "fetch", "--force", "--no-auto-gc", "--filter=blob:none", "origin", allHeads, allTags)
		if err == nil && g.has(ctx) {
			return nil
		}
		g.say("Fetching without blobs did not work: fetching all of it")
	}
	args := []string{"fetch", "--force", "--no-auto-gc"}
	if shallow, _ := g.read(ctx, "rev-parse", "--is-shallow-repository"); shallow == "true" {
		args = append(args, "--unshallow")
	}
	if err := g.git(ctx, append(args, "origin", allHeads, allTags)...); err != nil {
		return err
	}
	if g.has(ctx) {
		return nil
	}
	// Revisions of pull requests are on no branch; most servers give one that
	// is asked for by name.
	if err := g.git(ctx, "fetch", "--force", "--no-auto-gc", "origin", g.Source.Revision); err != nil {
		return fmt.Errorf("the revision %s is not in the repository: it may have been removed by a forced push", g.Source.Revision)
	}
	return nil
}

func (g *gitTool) shallow(ctx context.Context) error {
	args := []string{"fetch", "--force", "--no-auto-gc", "--no-tags", "--depth", strconv.Itoa(max(1, g.Step.Depth)), "origin"}
	if g.Source.Revision != "" {
		if err := g.git(ctx, append(args, g.Source.Revision)...); err == nil {
			return nil
		}
	}
	switch {
	case g.Source.Tag != "":
		args = append(args, "+refs/tags/"+g.Source.Tag+":refs/tags/"+g.Source.Tag)
	case g.Source.Branch != "":
		args = append(args, "+refs/heads/"+g.Source.Branch+":refs/remotes/origin/"+g.Source.Branch)
	}
	return g.git(ctx, args...)
}

// unbundle takes over the objects of the bundle and its references, as a fetch
// from origin would have named them.
func (g *gitTool) unbundle(ctx context.Context) error {
	g.say("Unpacking the source that came with the pipeline")
	refs, err := g.read(ctx, "bundle", "unbundle", g.bundle)
	if err != nil {
		return err
	}
	for line := range strings.Lines(refs) {
		hash, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if to := remoteName(name); to != "" {
			if err := g.git(ctx, "update-ref", to, hash); err != nil {
				return err
			}
		}
	}
	return nil
}

// remoteName is where a fetch puts a reference, "" for one that it leaves out.
func remoteName(name string) string {
	if branch, ok := strings.CutPrefix(name, "refs/heads/"); ok {
		return "refs/remotes/origin/" + branch
	}
	if strings.HasPrefix(name, "refs/tags/") {
		return name
	}
	return ""
}

// has tells whether the commit is there. A source without a revision asks for
// the tip of its branch or tag, whatever that is.
func (g *gitTool) has(ctx context.Context) bool {
	if g.Source.Revision == "" {
		return true
	}
	_, err := g.read(ctx, "cat-file", "-e", g.Source.Revision+"^{commit}")
	return err == nil
}

func (g *gitTool) checkout(ctx context.Context) error {
	target := g.Source.Revision
	if target == "" {
		target = tip(g.Source)
	}
	args := []string{"-c", "advice.detachedHead=false", "checkout", "--quiet", "--force"}
	if g.Source.Branch != "" && g.Source.Tag == "" {
		g.say("Checking out branch %s at %s", g.Source.Branch, target)
		args = append(args, "--no-track", "-B", g.Source.Branch, target)
	} else {
		g.say("Checking out %s at %s", g.wanted(), target)
		args = append(args, "--detach", target)
	}
	if err := g.git(ctx, args...); err != nil {
		return err
	}
	return g.git(ctx, "--no-pager", "log", "--no-color", "-n", "1", "--format=HEAD is now at %h %s")
}

// tip names what a source without a revision means.
func tip(s core.Source) string {
	switch {
	case s.Tag != "":
		return "refs/tags/" + s.Tag
	case s.Branch != "":
		return "refs/remotes/origin/" + s.Branch
	default:
		return "FETCH_HEAD"
	}
}

func (g *gitTool) say(format string, args ...any) { fmt.Fprintf(g.Out, format+"\n", args...) }

// git runs a command whose output is the step's.
func (g *gitTool) git(ctx context.Context, args ...string) error {
	return g.exec(ctx, g.Out, args...)
}

// read runs a command and returns what it printed, without the last newline.
func (g *gitTool) read(ctx context.Context, args ...string) (string, error) {
	var out bytes.Buffer
	if err := g.exec(ctx, &out, args...); err != nil {
		return "", fmt.Errorf("%w: %s", err, bytes.TrimSpace(out.Bytes()))
	}
	return strings.TrimRight(out.String(), "\n"), nil
}

func (g *gitTool) exec(ctx context.Context, out io.Writer, args ...string) error {
	p, err := g.Processes.Start(process.Command{Args: append([]string{"git"}, args...), Dir: g.Path, Env: g.Env, Out: out})
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case <-ctx.Done():
			p.Stop(g.Grace)
		case <-p.Ended():
		}
	}()
	code, err := p.Wait()
	<-done
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if code != 0 {
		return fmt.Errorf("git %s ended with exit status %d", subcommand(args), code)
	}
	return nil
}

// subcommand is the word of a git command line that people know it by.
func subcommand(args []string) string {
	for i := 0; i < len(args); i++ {
		switch {
		case args[i] == "-c":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return args[i]
		}
	}
	return ""
}
