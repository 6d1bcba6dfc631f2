// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-ci/muster/internal/client"
)

const loginHelp = `Keeps the token of an installation for later commands.

The token is asked for, or read from standard input where that is no terminal.
It is kept in the folder for settings of your user (muster/cli.json), readable
for you only. MUSTER_HOST and MUSTER_TOKEN do without a login.`

// loginCommand is `muster login`.
func loginCommand(o *options) *cobra.Command {
	return &cobra.Command{
		Use:     "login [address]",
		Short:   "Log in to an installation",
		Long:    loginHelp,
		Example: "  muster login https://ci.example.com\n  muster login < token",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			host := first(append(args, o.host, os.Getenv("MUSTER_HOST"), devAddress)...)
			host = strings.TrimRight(host, "/")
			token, err := askToken(cmd, host)
			if err != nil {
				return err
			}
			c, err := client.New(host, token, nil)
			if err != nil {
				return err
			}
			me, err := c.Me(cmd.Context())
			if err != nil {
				return fmt.Errorf("logging in to %s: %w", host, err)
			}
			l, err := readLogins()
			if err != nil {
				return err
			}
			l.Current, l.Tokens[host] = host, token
			if err := l.write(); err != nil {
				return fmt.Errorf("keeping the login: %w", err)
			}
			if o.json {
				return printJSON(cmd, me)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Logged in to %s as %s.\n", host, me.Login)
			return nil
		},
	}
}

// askToken reads a token without showing it.
func askToken(cmd *cobra.Command, host string) (string, error) {
	in, ok := cmd.InOrStdin().(*os.File)
	if ok && term.IsTerminal(int(in.Fd())) {
		fmt.Fprintf(cmd.ErrOrStderr(), "Token for %s: ", host)
		value, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		if err != nil {
			return "", fmt.Errorf("reading the token: %w", err)
		}
		return checkToken(string(value))
	}
	line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("reading the token: %w", err)
	}
	return checkToken(line)
}

func checkToken(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" || strings.ContainsAny(text, " \t\r\n") {
		return "", fmt.Errorf("that is no token; create one with `muster token create`, or take the administrator's")
	}
	return text, nil
}
