// SPDX-License-Identifier: MPL-2.0

package orbpack

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/config/document"
)

// files makes a file system of names and texts.
func files(pairs ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fsys[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fsys
}

func TestPack(t *testing.T) {
	t.Parallel()
	got, err := Pack(files(
		"@orb.yml", "version: 2.1\ndescription: |\n  Greets <<include(x)>>\nx-steps: &steps\n  - checkout\ncommands:\n  inline: {steps: *steps}\n",
		"README.md", "no part of it",
		".hidden.yml", "- neither",
		"commands/greet.yml", "parameters:\n  loud: {type: boolean, default: on}\n  port: {type: string, default: \"080\"}\n  level: {type: string, default: 1.10}\nsteps:\n  - run:\n      name: Greet\n      command: <<include(scripts/greet.sh)>>\n  - run: echo \"<< include(scripts/word) >>, << include(scripts/word) >>\"\n",
		"commands/more/wave.yaml", "steps: [checkout]\n",
		"jobs/@jobs.yml", "a: {machine: true, steps: [greet]}\n",
		"jobs/b.yml", "machine: true\nsteps: [greet]\n",
		"scripts/greet.sh", "#!/bin/sh\ncat <<END\nhi << parameters.x >>\nEND\n",
		"scripts/word", "hi",
	))
	if err != nil {
		t.Fatal(err)
	}
	want := `version: 2.1
description: |
  Greets <<include(x)>>
x-steps:
  - checkout
commands:
  inline:
    steps:
      - checkout
  greet:
    parameters:
      loud:
        type: boolean
        default: on
      port:
        type: string
        default: "080"
      level:
        type: string
        default: 1.10
    steps:
      - run:
          name: Greet
          command: |
            #!/bin/sh
            cat \<<END
            hi \<< parameters.x >>
            END
      - run: echo "hi, hi"
  wave:
    steps:
      - checkout
jobs:
  a:
    machine: true
    steps:
      - greet
  b:
    machine: true
    steps:
      - greet
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if info, mistakes := config.ReadOrb(got); len(mistakes) > 0 || !strings.HasPrefix(info.Description, "Greets") {
		t.Errorf("got %+v, %v", info, mistakes)
	}
	if again, err := PackFile(files("orb.yml", got), "orb.yml"); err != nil || strings.ReplaceAll(again, `\\<<`, `\<<`) != got {
		t.Errorf("packed again: %v\n%s", err, cmp.Diff(got, again))
	}
}

func TestWhatCannotBePacked(t *testing.T) {
	t.Parallel()
	many := files("@orb.yml", "version: 2.1\n")
	for n := range maxFiles + 1 {
		many[fmt.Sprintf("scripts/%d.sh", n)] = &fstest.MapFile{}
	}
	large := strings.Repeat("x", maxFile)
	for want, fsys := range map[string]fs.FS{
		"there is no orb here": files("scripts/x.sh", ""),
		`commands/a.yml and commands/more/a.yml both define "a"`: files("commands/a.yml", "steps: []", "commands/more/a.yml", "steps: []"),
		`commands: @orb.yml and commands/ both define "a"`:       files("@orb.yml", "commands: {a: {}}", "commands/a.yml", "steps: []"),
		`@orb.yml and b.yml both define "version"`:               files("@orb.yml", "version: 2.1", "b.yml", "version: 2.1"),
		"orb.yml: it must be a map":                              files("orb.yml", "- a"),
		"commands/a.yml:2:":                                      files("commands/a.yml", "steps: []\n\tx"),
		"commands/a.yml:1: include(../x) does not name":          files("commands/a.yml", "steps: [run: <<include(../x)>>]"),
		"include(/etc/passwd) does not name":                     files("commands/a.yml", "steps: [run: <<include(/etc/passwd)>>]"),
		"include() does not name":                                files("commands/a.yml", "steps: [run: <<include()>>]"),
		"reading no.sh: file does not exist":                     files("commands/a.yml", "steps: [run: <<include(no.sh)>>]"),
		"scripts is not a file":                                  files("commands/a.yml", "steps: [run: <<include(scripts)>>]", "scripts/x", ""),
		"more than 5000 files":                                   many,
		"levels deep":                                            files("commands/"+strings.Repeat("a/", 12)+"a.yml", "steps: []"),
		"more than 4194304 bytes":                                files("commands/a.yml", "#"+large),
		"includes counted as often as used":                      files("commands/a.yml", "steps:\n"+strings.Repeat("- run: <<include(x)>>\n", 10), "x", large),
	} {
		if got, err := Pack(fsys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %.100q, %v, want an error with %q", got, err, want)
		}
	}
}

// TestLinksDoNotLeadOut packs a real folder.
func TestLinksDoNotLeadOut(t *testing.T) {
	t.Parallel()
	outside, inside := t.TempDir(), t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(outside, "secret"), "s3cret")
	write(filepath.Join(inside, "@orb.yml"), "version: 2.1\n")
	write(filepath.Join(inside, "scripts", "here"), "hello")
	write(filepath.Join(inside, "commands", "a.yml"), "steps: [run: <<include(link)>>]\n")
	link := filepath.Join(inside, "link")
	for target, want := range map[string]string{
		filepath.Join(outside, "secret"): "path escapes",
		"scripts":                        "is a link to a folder",
		"scripts/here":                   "",
	} {
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		got, err := PackFolder(inside)
		if want == "" && (err != nil || !strings.Contains(got, "hello")) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("a link to %s: got %q, %v, want %q", target, got, err, want)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzPack holds that what is packed means what the files meant.
func FuzzPack(f *testing.F) {
	f.Add("steps:\n  - run: |\n      a\n\n  - x: [1, \"2\", on, ~]\n", "a\n<<b\n")
	f.Fuzz(func(t *testing.T, command, script string) {
		fsys := files("commands/a.yml", command, "s", script)
		before, err := document.Parse(command, document.LimitsFor(maxFile))
		if err != nil || strings.Contains(command, "include") {
			return
		}
		packed, err := Pack(fsys)
		if err != nil {
			t.Fatalf("packing: %v", err)
		}
		after, err := document.Parse(packed, document.Limits{})
		if err != nil {
			t.Fatalf("reading what was packed: %v\n%s", err, packed)
		}
		if diff := cmp.Diff(show(before), show(after.Get("commands").Get("a"))); diff != "" {
			t.Errorf("(-before +after):\n%s\n%s", diff, packed)
		}
	})
}

// show writes a value with its kinds.
func show(n *document.Node) string {
	if n.Kind == document.Null {
		return n.Kind.String()
	}
	if n.IsScalar() {
		return fmt.Sprintf("%s %q", n.Kind, n.Text)
	}
	var b strings.Builder
	for i, item := range n.Items {
		if n.Kind == document.Map {
			fmt.Fprintf(&b, "%q: ", n.Keys[i].Text)
		}
		b.WriteString(show(item) + ", ")
	}
	return n.Kind.String() + " {" + b.String() + "}"
}
