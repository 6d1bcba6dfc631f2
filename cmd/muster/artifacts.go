// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
)

const downloadHelp = `Downloads what a job kept with store_artifacts, or with paths only those files
and what is in those folders. Of a job with several parallel tasks each task's
files go into a folder of its number.

Every file is checked by its SHA-256 before it gets its name.`

// downloads is how many files are downloaded side by side.
const downloads = 4

// artifactsCommand is `muster artifacts` with what is under it.
func artifactsCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "artifacts", Short: "List and download what jobs kept"}
	o.withProject(cmd)
	cmd.AddCommand(artifactsListCommand(o), artifactsDownloadCommand(o))
	return cmd
}

func artifactsListCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use: "list JOB", Short: "List a job's artifacts, the job by its number", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			_, items, err := o.artifacts(cmd, args[0])
			if err != nil {
				return err
			}
			return show(cmd, o, items, []string{"TASK", "PATH", "URL"}, func(a api.Artifact, _ terminal.Style) []string {
				return []string{strconv.Itoa(a.NodeIndex), terminal.Plain(a.Path), a.URL}
			})
		},
	}
}

func (o *options) artifacts(cmd *cobra.Command, argument string) (*session, []api.Artifact, error) {
	number, err := parseNumber(argument)
	if err != nil {
		return nil, nil, err
	}
	var items []api.Artifact
	var used *session
	err = o.onProject(cmd, func(s *session, slug string) error {
		used = s
		items, err = s.Artifacts(cmd.Context(), slug, number)
		return err
	})
	return used, items, err
}

func artifactsDownloadCommand(o *options) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use: "download JOB [PATH...]", Short: "Download a job's artifacts", Long: downloadHelp, Args: cobra.MinimumNArgs(1),
		Example: "  muster artifacts download 31 coverage -o /tmp/coverage",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, items, err := o.artifacts(cmd, args[0])
			if err != nil {
				return err
			}
			chosen := chooseArtifacts(items, args[1:])
			if len(chosen) == 0 {
				return errors.New("the job kept nothing of that; `muster artifacts list` shows what it kept")
			}
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return fmt.Errorf("making the folder: %w", err)
			}
			root, err := os.OpenRoot(dir)
			if err != nil {
				return fmt.Errorf("opening the folder: %w", err)
			}
			defer root.Close()
			bytes, err := downloadAll(cmd.Context(), s, root, chosen)
			if err != nil {
				return err
			}
			return o.confirm(cmd, map[string]any{"files": len(chosen), "bytes": bytes}, "Downloaded %d files, %d bytes, to %s.", len(chosen), bytes, dir)
		},
	}
	cmd.Flags().StringVarP(&dir, "output", "o", ".", "folder to download into")
	return cmd
}

// chosen is an artifact and the file that it becomes.
type chosen struct {
	api.Artifact
	file string
}

// chooseArtifacts returns those at or below the paths, and where each goes.
func chooseArtifacts(items []api.Artifact, paths []string) []chosen {
	several := false
	for _, a := range items {
		several = several || a.NodeIndex != items[0].NodeIndex
	}
	var list []chosen
	for _, a := range items {
		wanted := len(paths) == 0
		for _, p := range paths {
			p = path.Clean(p)
			wanted = wanted || a.Path == p || p == "." || strings.HasPrefix(a.Path, p+"/")
		}
		if !wanted {
			continue
		}
		file := filepath.FromSlash(a.Path)
		if several {
			file = filepath.Join(strconv.Itoa(a.NodeIndex), file)
		}
		list = append(list, chosen{a, file})
	}
	return list
}

func downloadAll(ctx context.Context, s *session, root *os.Root, files []chosen) (int64, error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(downloads)
	sizes := make([]int64, len(files))
	for i, f := range files {
		group.Go(func() (err error) {
			sizes[i], err = download(ctx, s, root, f)
			return err
		})
	}
	err := group.Wait()
	var total int64
	for _, n := range sizes {
		total += n
	}
	return total, err
}

// download writes one file under another name until it is known to be right. The
// root keeps it inside of the folder, whatever the artifact is called and
// whatever links are there.
func download(ctx context.Context, s *session, root *os.Root, f chosen) (int64, error) {
	if !filepath.IsLocal(f.file) {
		return 0, fmt.Errorf("the artifact %q would be written outside of the folder", f.Path)
	}
	if err := root.MkdirAll(filepath.Dir(f.file), 0o777); err != nil {
		return 0, fmt.Errorf("making the folder of %s: %w", f.Path, err)
	}
	temp := f.file + ".part"
	file, err := root.Create(temp)
	if err != nil {
		return 0, fmt.Errorf("making a file for %s: %w", f.Path, err)
	}
	n, err := s.DownloadArtifact(ctx, f.Artifact, io.Writer(file))
	if err = errors.Join(err, file.Close()); err == nil {
		err = root.Rename(temp, f.file)
	}
	if err != nil {
		return n, errors.Join(err, root.Remove(temp))
	}
	return n, nil
}
