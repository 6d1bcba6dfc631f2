// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/client"
	"github.com/muster-ci/muster/internal/worktree"
)

const runHelp = `Triggers a pipeline of the git repository you are in, and follows it.

The commit that is checked out is sent along as a git bundle when the server
could not get it otherwise: there is no remote, the commit is not pushed, or the
server runs on this machine. With --remote the server clones the repository.

A project that is not there yet is created, if you may.

Ctrl-C stops following; the pipeline goes on. The exit code is 0 when the
pipeline succeeded, 1 when it did not, and 2 when it could not be run.`

// runFlags are the flags of `muster run`.
type runFlags struct {
	branch, tag, revision, config string
	parameters                    []string
	remote, noFollow              bool
}

// runCommand is `muster run`.
func runCommand(o *options) *cobra.Command {
	f := runFlags{}
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Run a pipeline of this repository and follow it",
		Long:    runHelp,
		Example: "  muster run\n  muster run --branch release --parameter deploy=true\n  muster run --config other.yml --no-follow --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r := &triggering{options: o, flags: f, cmd: cmd}
			return r.run(cmd.Context())
		},
	}
	o.withProject(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.branch, "branch", "", "branch to build (default: what is checked out)")
	flags.StringVar(&f.tag, "tag", "", "tag to build")
	flags.StringVar(&f.revision, "revision", "", "commit to build instead of the tip")
	flags.StringArrayVar(&f.parameters, "parameter", nil, "pipeline parameter as name=value; may be repeated")
	flags.StringVar(&f.config, "config", "", "config file to use in place of the repository's")
	flags.BoolVar(&f.remote, "remote", false, "let the server clone the repository instead of sending the commit")
	flags.BoolVar(&f.noFollow, "no-follow", false, "trigger and return")
	cmd.MarkFlagsMutuallyExclusive("branch", "tag")
	return cmd
}

// triggering is one `muster run`.
type triggering struct {
	*options
	flags runFlags
	cmd   *cobra.Command

	session *session
	tree    *worktree.Worktree // nil outside of a repository
	project api.Project
}

func (r *triggering) run(ctx context.Context) error {
	request, err := r.request()
	if err != nil {
		return err
	}
	if r.session, err = r.connect(); err != nil {
		return err
	}
	if r.tree, err = openTree(ctx); err != nil {
		return err
	}
	ref, err := r.source(ctx, &request)
	if err != nil {
		return err
	}
	if err := r.findProject(ctx); err != nil {
		return err
	}
	if ref != "" {
		if err := r.send(ctx, ref, &request); err != nil {
			return err
		}
	}
	// The key makes it safe to try again when the answer was lost.
	triggered, err := r.session.Trigger(ctx, r.project.Slug, request, core.NewID())
	if err != nil {
		return err
	}
	if r.json {
		if err := printJSON(r.cmd, map[string]any{"event": "triggered", "data": triggered}); err != nil {
			return err
		}
	} else {
		at := first(request.Tag, request.Branch, r.project.VCSInfo.DefaultBranch)
		fmt.Fprintf(r.cmd.OutOrStdout(), "Pipeline %d of %s, %s%s\n", triggered.Number, r.project.Slug, at, short(request.Revision))
	}
	if r.flags.noFollow {
		return nil
	}
	return r.followPipeline(r.cmd, r.session, triggered.ID, triggered.Number, "")
}

func short(revision string) string {
	if len(revision) < 10 {
		return ""
	}
	return " at " + revision[:10]
}

// request is what the flags alone say.
func (r *triggering) request() (api.TriggerRequest, error) {
	request := api.TriggerRequest{Branch: r.flags.branch, Tag: r.flags.tag, Revision: r.flags.revision}
	parameters, err := parseParameters(r.flags.parameters)
	if err != nil {
		return request, err
	}
	request.Parameters = parameters
	if r.flags.config != "" {
		text, err := readConfig(r.flags.config, r.cmd.InOrStdin())
		if err != nil {
			return request, err
		}
		request.Config = text
	}
	return request, nil
}

// openTree returns the repository, nil outside of one.
func openTree(ctx context.Context) (*worktree.Worktree, error) {
	tree, err := worktree.Open(ctx, ".")
	if errors.Is(err, worktree.ErrNone) {
		return nil, nil
	}
	return tree, err
}

// findProject reads the project, or creates it.
func (r *triggering) findProject(ctx context.Context) error {
	slug, err := r.slug(ctx)
	if err != nil {
		return err
	}
	r.project, err = r.session.Project(ctx, slug)
	if !client.IsStatus(err, 404) {
		return err
	}
	p := api.NewProject{}
	if r.tree != nil {
		p.RepositoryURL, p.DefaultBranch = r.tree.WebURL(), r.tree.Branch
	}
	created, err := r.session.CreateProject(ctx, slug, p)
	switch {
	case client.IsStatus(err, 403):
		return fmt.Errorf("there is no project %s, and only an administrator may create it: muster project create %s", slug, slug)
	case client.IsStatus(err, 409): // somebody was faster
		r.project, err = r.session.Project(ctx, slug)
		return err
	case err != nil:
		return err
	}
	r.project = created.Project
	r.note("Created project %s.", slug)
	return nil
}

// note tells something on the side.
func (r *triggering) note(format string, args ...any) {
	fmt.Fprintf(r.cmd.ErrOrStderr(), format+"\n", args...)
}

// source fills in what is to be built, and returns the ref to send along, ""
// when the server can get it by itself.
func (r *triggering) source(ctx context.Context, request *api.TriggerRequest) (ref string, err error) {
	if r.tree == nil {
		return "", nil
	}
	ref = "HEAD"
	switch {
	case request.Tag != "":
		ref = "refs/tags/" + request.Tag
	case request.Branch != "":
		ref = "refs/heads/" + request.Branch
	case r.tree.Branch != "":
		ref, request.Branch = "refs/heads/"+r.tree.Branch, r.tree.Branch
	}
	if r.flags.remote {
		r.wholeRevision(ctx, request)
		return "", nil
	}
	revision, err := r.tree.Resolve(ctx, first(request.Revision, ref))
	if err != nil {
		if r.flags.branch+r.flags.tag+r.flags.revision != "" {
			return "", fmt.Errorf("%w; use --remote for what only the server's repository has", err)
		}
		return "", errors.New("the repository has no commit yet; make one, since pipelines build commits")
	}
	request.Revision = revision
	if r.tree.Dirty(ctx) {
		r.note("Changes that are not committed are not part of the pipeline.")
	}
	if !r.session.local && r.tree.WebURL() != "" && r.tree.Pushed(ctx, revision) {
		return "", nil
	}
	return ref, r.tree.Complete(ctx)
}

// wholeRevision makes a short revision a whole one where the repository knows
// it. A branch or a tag is the server's to resolve.
func (r *triggering) wholeRevision(ctx context.Context, request *api.TriggerRequest) {
	if request.Revision == "" {
		return
	}
	if revision, err := r.tree.Resolve(ctx, request.Revision); err == nil {
		request.Revision = revision
	}
}

// send uploads the history as it is being packed.
func (r *triggering) send(ctx context.Context, ref string, request *api.TriggerRequest) error {
	reader, writer := io.Pipe()
	packed := make(chan error, 1)
	go func() {
		err := r.tree.Bundle(ctx, ref, writer)
		writer.CloseWithError(err) // nil is a clean end
		packed <- err
	}()
	bundle, err := r.session.UploadBundle(ctx, r.project.Slug, reader)
	reader.CloseWithError(io.ErrClosedPipe) // lets git go when the server said no
	packErr := <-packed
	switch {
	case err != nil && packErr != nil && !isAnswer(err):
		return packErr // why the upload broke off
	case err != nil:
		return fmt.Errorf("sending the repository: %w", err)
	}
	request.Source = &api.TriggerSource{Bundle: bundle.Key}
	return nil
}

func isAnswer(err error) bool {
	var answer *client.Error
	return errors.As(err, &answer)
}
