// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/hcl/pipeline"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/language"
	"github.com/muster-ci/muster/internal/sarif"
	"github.com/muster-ci/muster/internal/terminal"
	"github.com/muster-ci/muster/internal/worktree"
)

// configCommand is `muster config` with what is under it.
func configCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check and expand configs"}
	cmd.AddCommand(
		compileCommand(o, "validate [path]", "Check a config and show every mistake with its place", false),
		compileCommand(o, "process [path]", "Show a config with everything in it expanded", true),
		convertCommand(),
		schemaCommand(),
		continueCommand(o),
	)
	return cmd
}

// schemaCommand prints what editors' YAML plugins check and complete by.
func schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON schema of config.yml, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			encoder := json.NewEncoder(cmd.OutOrStdout())
			encoder.SetIndent("", "  ")
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(language.Schema()); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
			return nil
		},
	}
}

// compilation is what the flags of validate and process say.
type compilation struct {
	process bool
	local   bool
	format  string
	pairs   []string
}

func compileCommand(o *options, use, short string, process bool) *cobra.Command {
	c := &compilation{process: process, format: "text"}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Long: short + ".\n\nThe path is that of a file, \"-\" for standard input, and .circleci/config.yml of the\n" +
			"repository by default, else .muster/pipeline.hcl. A file whose name ends in .hcl is a\n" +
			"pipeline in HCL. The exit code is 1 for a config with mistakes.\n\n" +
			"The server compiles it, or this command where you are logged in nowhere: then orbs of\n" +
			"a registry are not known.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.json {
				c.format = "json"
			}
			if !slices.Contains(formats, c.format) {
				return fmt.Errorf("there is no format %q; write one of %s", c.format, strings.Join(formats, ", "))
			}
			path := first(argument(args), defaultConfig(cmd.Context()))
			text, err := readConfig(path, cmd.InOrStdin())
			if err != nil {
				return err
			}
			result, err := o.compile(cmd.Context(), c, path, text)
			if err != nil {
				return err
			}
			return c.show(cmd, path, result)
		},
	}
	cmd.Flags().StringArrayVar(&c.pairs, "parameter", nil, "pipeline parameter as name=value; may be repeated")
	cmd.Flags().BoolVar(&c.local, "local", false, "compile here and not on the server, which is asked for registry orbs only")
	if !process {
		cmd.Flags().StringVar(&c.format, "format", c.format, "text, json, or sarif for code hosts and editors")
	}
	return cmd
}

// formats are those of `config validate`.
var formats = []string{"text", "json", "sarif"}

// show prints a result. A config with mistakes is a failure whatever the format.
func (c *compilation) show(cmd *cobra.Command, path string, result api.CompileResult) error {
	switch c.format {
	case "json":
		if err := printJSON(cmd, result); err != nil {
			return err
		}
	case "sarif":
		if err := sarif.Write(cmd.OutOrStdout(), problemsOf(path, result.Errors), problemsOf(path, result.Warnings)); err != nil {
			return err
		}
	default:
		printProblems(cmd.ErrOrStderr(), path, "warning: ", result.Warnings)
		printProblems(cmd.ErrOrStderr(), path, "", result.Errors)
	}
	if !result.Valid {
		return failure{exitFailed, fmt.Sprintf("%s has %d mistake(s)", path, len(result.Errors))}
	}
	if c.format != "text" {
		return nil
	}
	if c.process {
		_, err := fmt.Fprint(cmd.OutOrStdout(), result.OutputYAML)
		return err
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%s is valid.\n", path)
	return err
}

// problemsOf returns mistakes as the compiler told them. A server that is older
// than this command names no file, and has no summary.
func problemsOf(path string, shown []api.ConfigError) []core.ConfigError {
	list := make([]core.ConfigError, 0, len(shown))
	for _, e := range shown {
		list = append(list, core.ConfigError{
			Message: first(e.Summary, e.Message), File: first(e.File, path), Line: e.Line, Column: e.Column,
			Path: e.Path, Suggestion: e.Suggestion, Excerpt: e.Excerpt,
		})
	}
	return list
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
// The one in HCL counts where there is no other.
func defaultConfig(ctx context.Context) string {
	root := "."
	if tree, err := worktree.Open(ctx, "."); err == nil {
		root = tree.Root
	}
	usual := filepath.Join(root, filepath.FromSlash(config.DefaultFile))
	if inHCL := filepath.Join(root, filepath.FromSlash(pipeline.File)); !exists(usual) && exists(inHCL) {
		usual = inHCL
	}
	if here, err := os.Getwd(); err == nil && root != "." {
		if path, err := filepath.Rel(here, usual); err == nil {
			return path
		}
	}
	return usual
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
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
