// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/muster-ci/muster/internal/config/document"
)

// successors are the convenience images that took the place of circleci/*,
// whose images are no longer built.
var successors = map[string]string{
	"android": "android", "buildpack-deps": "base", "clojure": "clojure", "elixir": "elixir", "golang": "go", "mariadb": "mariadb",
	"mysql": "mysql", "node": "node", "openjdk": "openjdk", "php": "php", "postgres": "postgres", "python": "python", "redis": "redis",
	"ruby": "ruby", "rust": "rust",
}

// unbuilt are images of the same family that have no successor.
var unbuilt = map[string]bool{"dynamodb": true, "jruby": true, "mongo": true}

// warnImage tells of an image that CircleCI has given up.
func (c *compiler) warnImage(n *document.Node) {
	name, ok := strings.CutPrefix(n.Text, "circleci/")
	if !ok {
		return
	}
	name, _, _ = strings.Cut(name, "@")
	name, tag, _ := strings.Cut(name, ":")
	switch next := successors[name]; {
	case next != "":
		c.warn(n, fmt.Sprintf("The image circleci/%s is deprecated", name), "use cimg/"+next)
	case unbuilt[name]:
		c.warn(n, fmt.Sprintf("The image circleci/%s is deprecated", name), "use "+name+", or an image of your own")
	case name == "classic":
		c.warn(n, fmt.Sprintf("The machine image circleci/classic:%s is deprecated", tag), "use machine: true, or one of the installation's images")
	}
}
