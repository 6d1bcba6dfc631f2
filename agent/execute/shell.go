// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/core"
)

// script writes a step's command to a file and returns the words that run it.
//
// The command goes to a file and not behind -c, since it may be longer than an
// argument can be, and since every interpreter takes a file. The shell is the
// step's, else the one that the command's first line names with #!, else the
// job's, else the image's default.
func (j *job) script(step core.RunStep) ([]string, error) {
	words, err := j.shellWords(step)
	if err != nil {
		return nil, err
	}
	extension := ".sh"
	if base := filepath.Base(words[0]); base == "pwsh" || base == "powershell" {
		extension = ".ps1" // it runs no file that is called otherwise
	}
	path, err := j.scriptPath(extension)
	if err != nil {
		return nil, fmt.Errorf("making the step's script: %w", err)
	}
	if err := os.WriteFile(path, []byte(step.Command), 0o700); err != nil {
		return nil, fmt.Errorf("writing the step's script: %w", err)
	}
	return append(words, path), nil
}

func (j *job) shellWords(step core.RunStep) ([]string, error) {
	text := step.Shell
	if text == "" {
		if words := interpreter(step.Command); words != nil {
			return words, nil
		}
		text = j.task.Spec.Plan.Shell
	}
	if text == "" {
		return append([]string(nil), j.shell...), nil
	}
	words, err := splitWords(text)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "The shell %q cannot be read: %w.", text, err)
	}
	if len(words) == 0 {
		return nil, core.Errorf(core.CodeInvalid, "The shell %q names no program.", text)
	}
	return words, nil
}

// interpreter reads a #! line as the kernel does: a program and one optional
// argument. It is read here, and the file not executed, since the folder of
// scripts may be mounted noexec.
func interpreter(command string) []string {
	line, found := strings.CutPrefix(command, "#!")
	if !found {
		return nil
	}
	line, _, _ = strings.Cut(line, "\n")
	program, argument, _ := strings.Cut(strings.TrimSpace(line), " ")
	if program == "" {
		return nil
	}
	if argument = strings.TrimSpace(argument); argument != "" {
		return []string{program, argument}
	}
	return []string{program}
}

// defaultShell is CircleCI's where it can be had. A /bin/sh that knows no
// pipefail (dash before 0.5.13) would refuse to start with it.
func (j *job) defaultShell() []string {
	if isProgram("/bin/bash") {
		return []string{"/bin/bash", "-eo", "pipefail"}
	}
	if path := j.base.get("PATH"); process.LookPath("bash", []string{"PATH=" + path}) {
		return []string{"bash", "-eo", "pipefail"}
	}
	if j.succeeds("/bin/sh", "-eo", "pipefail", "-c", ":") {
		return []string{"/bin/sh", "-eo", "pipefail"}
	}
	return []string{"/bin/sh", "-e"}
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// succeeds runs a command that ends at once and tells whether it did well.
func (j *job) succeeds(words ...string) bool {
	p, err := j.deps.Processes.Start(process.Command{Args: words, Env: j.base.list(), Out: io.Discard})
	if err != nil {
		return false
	}
	code, err := p.Wait()
	return err == nil && code == 0
}

// splitWords splits as a shell does, with quotes and backslashes but without
// expansions.
func splitWords(text string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote, escaped := false, rune(0), false
	for _, r := range text {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			inWord, quote = true, r
		case unicode.IsSpace(r):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			inWord = true
			word.WriteRune(r)
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
