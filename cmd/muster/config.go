// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/terminal"
	"github.com/muster-ci/muster/internal/worktree"
)

// configCommand is `muster config` with what is under it.
func configCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check and expand configs"}
	cmd.AddCommand(
		compileCommand(o, "validate [path]", "Check a config and show every mistake with its place", false),
		compileCommand(o, "process [path]", "Show a config with everything in it expanded", true),
	)
	return cmd
}

func compileCommand(o *options, use, short string, process bool) *cobra.Command {
	var pairs []string
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long:  short + ".\n\nThe path is that of a file, \"-\" for standard input, and .circleci/config.yml of the\nrepository by default. The exit code is 1 for a config with mistakes.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := first(argument(args), defaultConfig(cmd.Context()))
			text, err := readConfig(path, cmd.InOrStdin())
			if err != nil {
				return err
			}
			parameters, err := parseParameters(pairs)
			if err != nil {
				return err
			}
			s, err := o.connect()
			if err != nil {
				return err
			}
			result, err := s.Compile(cmd.Context(), api.CompileRequest{
				ConfigYAML: text, Options: api.CompileOptions{PipelineParameters: parameters},
			})
			if err != nil {
				return err
			}
			return o.showCompiled(cmd, path, result, process)
		},
	}
	cmd.Flags().StringArrayVar(&pairs, "parameter", nil, "pipeline parameter as name=value; may be repeated")
	return cmd
}

func (o *options) showCompiled(cmd *cobra.Command, path string, result api.CompileResult, process bool) error {
	if o.json {
		if err := printJSON(cmd, result); err != nil {
			return err
		}
	} else {
		printProblems(cmd.ErrOrStderr(), path, "warning: ", result.Warnings)
		printProblems(cmd.ErrOrStderr(), path, "", result.Errors)
	}
	if !result.Valid {
		return failure{exitFailed, fmt.Sprintf("%s has %d mistake(s)", path, len(result.Errors))}
	}
	if o.json {
		return nil
	}
	if process {
		_, err := fmt.Fprint(cmd.OutOrStdout(), result.OutputYAML)
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is valid.\n", path)
	return err
}

// printProblems shows mistakes with the path that was given, so that editors
// and terminals can jump to them.
func printProblems(w io.Writer, path, prefix string, problems []api.ConfigError) {
	for _, p := range problems {
		if p.Line == 0 || p.Summary == "" {
			fmt.Fprintf(w, "%s%s\n", prefix, terminal.Plain(p.Message))
			continue
		}
		fmt.Fprintf(w, "%s:%d:%d: %s%s\n", path, p.Line, p.Column, prefix, terminal.Plain(p.Summary))
		for _, more := range []string{p.Excerpt, p.Suggestion} {
			if more != "" {
				fmt.Fprintln(w, terminal.Plain(more))
			}
		}
	}
}

// defaultConfig is the config of the repository, shown relative to the folder.
func defaultConfig(ctx context.Context) string {
	usual := filepath.Join(".circleci", "config.yml")
	tree, err := worktree.Open(ctx, ".")
	if err != nil {
		return usual
	}
	if here, err := os.Getwd(); err == nil {
		if path, err := filepath.Rel(here, tree.Config()); err == nil {
			return path
		}
	}
	return tree.Config()
}

// maxConfig is the most bytes of a config that the server takes.
const maxConfig = 1 << 20

func readConfig(path string, stdin io.Reader) (string, error) {
	in := stdin
	if path != "-" {
		file, err := os.Open(path)
		if errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("there is no %s", path)
		}
		if err != nil {
			return "", err
		}
		defer file.Close()
		in = file
	}
	data, err := io.ReadAll(io.LimitReader(in, maxConfig+1))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	if len(data) > maxConfig {
		return "", fmt.Errorf("%s has more than %d bytes", path, maxConfig)
	}
	return string(data), nil
}
