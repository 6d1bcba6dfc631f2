// SPDX-License-Identifier: MPL-2.0

package execute

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"

	"github.com/muster-ci/muster/internal/wire"
)

// cacheKey fills in the template of a cache's key. The compiler has held it to
// values and functions; what only shows here is a file that is not there.
func (j *job) cacheKey(text string) (string, error) {
	if !strings.Contains(text, "{{") {
		return text, checkKey(text)
	}
	t, err := template.New("cacheKey").Funcs(template.FuncMap{
		"checksum": j.checksum,
		"epoch":    func() int64 { return j.deps.Clock().Unix() },
		"arch":     arch,
		"round":    round,
	}).Parse(text)
	if err != nil {
		return "", err
	}
	var key bounded
	if err := t.Execute(&key, j.keyValues()); err != nil {
		return "", err
	}
	return key.String(), checkKey(key.String())
}

// keyValues are what a template may name: CircleCI's, of which the variables
// are those that steps begin with, not what a step sets for itself.
func (j *job) keyValues() map[string]any {
	source := j.task.Spec.Pipeline.Source
	return map[string]any{
		"Branch":      source.Branch,
		"BuildNum":    j.task.Spec.Number,
		"Revision":    source.Revision,
		"CheckoutKey": "", // the source comes without a key of its own
		"Environment": j.base.values,
	}
}

func checkKey(key string) error {
	switch n := utf8.RuneCountInString(key); {
	case n > wire.MaxCacheKey:
		return fmt.Errorf("the key has %d characters; the limit is %d", n, wire.MaxCacheKey)
	case n == 0:
		return errors.New("the key is empty")
	}
	return nil
}

// bounded keeps a template from filling the memory.
type bounded struct{ strings.Builder }

// Write takes as much as any key may have.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > 16*wire.MaxCacheKey {
		return 0, fmt.Errorf("the key has more than %d characters", wire.MaxCacheKey)
	}
	return b.Builder.Write(p)
}

// checksum is the SHA-256 of a file's content, in base64.
func (j *job) checksum(name string) (string, error) {
	file, err := os.Open(j.path(name, j.directory))
	if err != nil {
		return "", err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sum.Sum(nil)), nil
}

// round cuts a number of seconds to a multiple of a length of time, for keys
// that change once an hour or a day.
func round(length string, seconds int64) (int64, error) {
	d, err := time.ParseDuration(length)
	if err != nil || d < time.Second {
		return 0, fmt.Errorf("%q is no length of time of a second or more: write it like 24h", length)
	}
	step := int64(d / time.Second)
	return seconds / step * step, nil
}

// arch names the system and the processor's family and model, in CircleCI's
// form.
func arch() string {
	info, err := os.ReadFile("/proc/cpuinfo")
	family, model := -1, -1
	if err == nil {
		family, model = processor(string(info))
	}
	name := "arch1-" + runtime.GOOS + "-" + runtime.GOARCH
	if family >= 0 && model >= 0 {
		return fmt.Sprintf("%s-%d_%d", name, family, model)
	}
	return name
}

func processor(info string) (family, model int) {
	family, model = -1, -1
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(line, ":")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		switch {
		case err != nil:
		case strings.TrimSpace(name) == "cpu family" && family < 0:
			family = n
		case strings.TrimSpace(name) == "model" && model < 0:
			model = n
		}
	}
	return family, model
}
