// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
)

// largeOrb is an orb of about 300 lines.
func largeOrb(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 2.1\ndescription: Orb %d\nexecutors:\n  default:\n    parameters:\n      tag: {type: string, default: '1'}\n    docker:\n      - image: example/orb%d:<< parameters.tag >>\n", n, n)
	b.WriteString("commands:\n")
	for i := range 15 {
		fmt.Fprintf(&b, "  setup%d:\n    description: Sets part %d up\n    parameters:\n      version:\n        type: string\n        default: '3'\n      when:\n        type: boolean\n        default: true\n", i, i)
		fmt.Fprintf(&b, "    steps:\n      - when:\n          condition: << parameters.when >>\n          steps:\n            - run:\n                name: Part %d\n                command: |\n                  install --part %d --version << parameters.version >>\n                  verify\n", i, i)
	}
	b.WriteString("jobs:\n  test:\n    executor: default\n    steps:\n      - checkout\n      - setup1\n      - setup2: {version: '4'}\n")
	return b.String()
}

// largeConfig is a config of about 1,500 lines that uses five orbs.
func largeConfig() (text string, orbs *registry) {
	orbs = &registry{sources: map[string]string{}}
	var b strings.Builder
	b.WriteString("version: 2.1\norbs:\n")
	for i := range 5 {
		orbs.sources[fmt.Sprintf("acme/orb%d@1.0.0", i)] = largeOrb(i)
		fmt.Fprintf(&b, "  orb%d: acme/orb%d@1.0.0\n", i, i)
	}
	b.WriteString("jobs:\n")
	for i := range 65 {
		fmt.Fprintf(&b, "  job%d:\n    executor:\n      name: orb%d/default\n      tag: '%d'\n    environment:\n      PART: part%d\n      MODE: test\n    steps:\n      - checkout\n", i, i%5, i, i)
		fmt.Fprintf(&b, "      - orb%d/setup%d:\n          version: '%d'\n      - restore_cache:\n          keys:\n            - deps-{{ checksum \"go.sum\" }}\n", i%5, i%15, i)
		fmt.Fprintf(&b, "      - run:\n          name: Test part %d\n          command: |\n            go test ./part%d/...\n            go vet ./part%d/...\n", i, i, i)
	}
	b.WriteString("workflows:\n  main:\n    jobs:\n      - orb0/test\n      - job0\n")
	for i := 1; i < 65; i++ {
		fmt.Fprintf(&b, "      - job%d:\n          requires: [job%d]\n", i, (i-1)/2)
	}
	return b.String(), orbs
}

// BenchmarkCompile1500Lines5Orbs has its orbs in the cache, as any compilation
// but the first has.
func BenchmarkCompile1500Lines5Orbs(b *testing.B) {
	text, orbs := largeConfig()
	options := Options{Orbs: orbs, Cache: NewOrbCache(64 << 20)}
	b.Logf("%d lines", strings.Count(text, "\n"))
	benchmarkCompileWith(b, text, options)
}
