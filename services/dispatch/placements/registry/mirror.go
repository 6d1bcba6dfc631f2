// SPDX-License-Identifier: MPL-2.0

package registry

import (
	"strings"

	"github.com/distribution/reference"

	"github.com/muster-ci/muster/core"
)

// Mirrors says where images of a registry are fetched instead: host of the
// registry to the place of the pull-through cache, such as docker.io to
// cache.example.com/hub.
type Mirrors map[string]string

// Validate tells what is wrong with the table in words for the operator.
func (m Mirrors) Validate() error {
	for from, to := range m {
		if from == "" || strings.Contains(from, "/") {
			return core.Errorf(core.CodeInvalid, "mirrors: %q is no registry's host; write it like docker.io", from)
		}
		named, err := reference.ParseNormalizedNamed(strings.TrimSuffix(to, "/") + "/name")
		if err != nil || strings.Contains(to, "://") || reference.Domain(named) == "docker.io" {
			return core.Errorf(core.CodeInvalid, "mirrors: %q is no place of images; write host, host:port or host/path, without https://", to)
		}
	}
	return nil
}

// Rewrite returns the name under which an image is fetched. An image with a
// login is fetched where the login holds. A name that cannot be read is left to
// whoever fetches it.
func (m Mirrors) Rewrite(image core.DockerImage) string {
	if len(m) == 0 || image.Auth != nil || image.AWSAuth != nil || image.GCPAuth != nil {
		return image.Image
	}
	named, err := reference.ParseNormalizedNamed(image.Image)
	if err != nil {
		return image.Image
	}
	to, ok := m[reference.Domain(named)]
	if !ok {
		return image.Image
	}
	rest := strings.TrimPrefix(reference.TagNameOnly(named).String(), reference.Domain(named)+"/")
	return strings.TrimSuffix(to, "/") + "/" + rest
}
