// SPDX-License-Identifier: MPL-2.0

package objects

import (
	"strings"

	"github.com/muster-ci/muster/core"
)

const (
	maxKey = 512
	// maxPart leaves room for the suffix of a temporary file under the usual
	// limit of 255 for a file name.
	maxPart = 200
)

// checkKey accepts what is one and the same name in a folder, a bucket and a
// URL: parts of letters, digits and "._-=+@~,", separated by single slashes. A
// part begins with none of ".-": files that begin with a dot are the store's
// own. Names that people choose belong into a table beside the key.
func checkKey(key string) error {
	if key == "" || len(key) > maxKey {
		return core.Errorf(core.CodeInvalid, "an object key has 1 to %d characters, not %d", maxKey, len(key))
	}
	for part := range strings.SplitSeq(key, "/") {
		if !validPart(part) {
			return core.Errorf(core.CodeInvalid, "%.120q is not an object key: %.120q is not allowed between its slashes", key, part)
		}
	}
	return nil
}

// checkPrefix accepts every beginning of a key.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	whole := strings.TrimSuffix(prefix, "/")
	return checkKey(whole)
}

func validPart(part string) bool {
	if part == "" || len(part) > maxPart || part[0] == '.' || part[0] == '-' {
		return false
	}
	if strings.HasSuffix(part, tempSuffix) || strings.HasSuffix(part, attributesSuffix) {
		return false
	}
	for i := range len(part) {
		c := part[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("._-=+@~,", c) >= 0:
		default:
			return false
		}
	}
	return true
}
