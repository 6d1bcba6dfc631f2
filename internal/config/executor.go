// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config/document"
)

// The keys of the executors.
var (
	imageKeys = keySet{
		permitted: []string{"auth", "aws_auth", "command", "entrypoint", "environment", "gcp_auth", "image", "name", "user"},
		required:  []string{"image"},
	}
	authKeys    = keySet{permitted: []string{"password", "username"}, required: []string{"password", "username"}}
	awsKeys     = keySet{permitted: []string{"aws_access_key_id", "aws_secret_access_key", "oidc_role_arn"}}
	gcpKeys     = keySet{permitted: []string{"oidc_service_account", "workload_identity_pool", "workload_identity_provider"}}
	machineKeys = keySet{permitted: []string{"code_signing", "docker_layer_caching", "enabled", "image", "resource_class", "shell"}}
	macosKeys   = keySet{permitted: []string{"code_signing", "resource_class", "shell", "xcode"}, required: []string{"xcode"}}
)

// executorKinds are the keys of a job or an executor of which exactly one says
// where steps run.
var executorKinds = []string{"docker", "machine", "macos"}

// readExecutor reads the key that says where steps run.
func (c *compiler) readExecutor(n *document.Node, s *surroundings) {
	var given []string
	for _, kind := range executorKinds {
		if n.Find(kind) >= 0 {
			given = append(given, kind)
		}
	}
	if len(given) > 1 {
		c.fail(n.KeyAt(n.Find(given[1])), fmt.Sprintf("A job runs on one executor, but both %s are given", strings.Join(given, " and ")), "remove one of them")
	}
	if len(given) == 0 {
		return
	}
	switch at := n.Get(given[0]); given[0] {
	case "docker":
		s.executor = remember(c, &c.imagesRead, at, func() core.Executor { return c.docker(at) })
	case "machine":
		c.machine(at, s)
	case "macos":
		c.macos(at, s)
	}
}

func (c *compiler) docker(n *document.Node) core.Executor {
	e := core.Executor{Kind: core.ExecutorDocker}
	if n.Kind != document.List {
		c.fail(n, "expected type: Sequence, found: "+n.Kind.String(), "write a list: - image: name:tag; the first image runs the steps")
		return e
	}
	if len(n.Items) == 0 {
		c.fail(n, "docker needs at least one image", "add - image: name:tag; the first one runs the steps")
	}
	for _, item := range n.Items {
		if c.fields(item, imageKeys) {
			e.Images = append(e.Images, c.image(item))
		}
	}
	return e
}

func (c *compiler) image(n *document.Node) core.DockerImage {
	image := core.DockerImage{
		Image:       c.text(n.Get("image")),
		Name:        c.text(n.Get("name")),
		Entrypoint:  c.words(n.Get("entrypoint")),
		Command:     c.words(n.Get("command")),
		User:        c.user(n.Get("user")),
		Environment: c.environment(n.Get("environment")),
	}
	if at := n.Get("image"); at != nil && at.Kind == document.String {
		if strings.TrimSpace(image.Image) == "" {
			c.fail(at, "the image has no name", "write image: name:tag")
		}
		c.warnImage(at)
	}
	c.imageAuth(n, &image)
	return image
}

// user reads a name or a number.
func (c *compiler) user(n *document.Node) string {
	if n != nil && n.Kind == document.Int {
		return n.Text
	}
	return c.text(n)
}

// imageAuth reads how the registry is asked for an image. The texts may hold
// $NAME of a variable; nothing of them is looked at here.
func (c *compiler) imageAuth(n *document.Node, image *core.DockerImage) {
	given := 0
	for _, key := range []string{"auth", "aws_auth", "gcp_auth"} {
		at := n.Get(key)
		if at == nil {
			continue
		}
		if given++; given > 1 {
			c.fail(n.KeyAt(n.Find(key)), "An image is fetched with one of auth, aws_auth and gcp_auth", "remove the others")
		}
		switch key {
		case "auth":
			if c.fields(at, authKeys) {
				image.Auth = &core.RegistryAuth{Username: c.text(at.Get("username")), Password: c.text(at.Get("password"))}
			}
		case "aws_auth":
			image.AWSAuth = c.awsAuth(at)
		case "gcp_auth":
			image.GCPAuth = c.gcpAuth(at)
		}
	}
}

func (c *compiler) awsAuth(n *document.Node) *core.AWSAuth {
	if !c.fields(n, awsKeys) {
		return nil
	}
	auth := &core.AWSAuth{
		AccessKeyID:     c.filled(n.Get("aws_access_key_id")),
		SecretAccessKey: c.filled(n.Get("aws_secret_access_key")),
		OIDCRoleARN:     c.filled(n.Get("oidc_role_arn")),
	}
	keys := n.Find("aws_access_key_id") >= 0 && n.Find("aws_secret_access_key") >= 0
	some := n.Find("aws_access_key_id") >= 0 || n.Find("aws_secret_access_key") >= 0
	role := n.Find("oidc_role_arn") >= 0
	if some && role || !keys && !role {
		c.fail(n, "aws_auth needs aws_access_key_id and aws_secret_access_key, or oidc_role_arn", "give both keys, or the role alone")
	}
	return auth
}

func (c *compiler) gcpAuth(n *document.Node) *core.GCPAuth {
	if !c.fields(n, gcpKeys) {
		return nil
	}
	auth := &core.GCPAuth{}
	for i, key := range n.Keys {
		if text := c.filled(n.Items[i]); text != "" {
			auth.Fields = append(auth.Fields, core.EnvVar{Name: key.Text, Value: text})
		}
	}
	if len(auth.Fields) == 0 {
		c.fail(n, "gcp_auth says nothing", permittedKeys(gcpKeys.permitted))
	}
	return auth
}

// machine reads `true`, an image's name, or a mapping. CircleCI's `default` is
// the default image here too.
func (c *compiler) machine(n *document.Node, s *surroundings) {
	s.executor.Kind = core.ExecutorMachine
	if on, ok := n.AsBool(); ok {
		if !on {
			c.fail(n, "machine: false is no executor", "write machine: true, or give a docker list")
		}
		return
	}
	if n.Kind == document.String {
		s.executor.MachineImage = n.Text
		c.warnImage(n)
		return
	}
	if !c.fields(n, machineKeys) {
		return
	}
	s.executor.MachineImage = c.text(n.Get("image"))
	if at := n.Get("image"); at != nil {
		c.warnImage(at)
	}
	if enabled := n.Get("enabled"); enabled != nil {
		c.warn(n.KeyAt(n.Find("enabled")), "The `enabled` machine key is deprecated and should be removed.", "write machine: true, or machine: with an image")
		if !c.boolean(enabled) {
			c.fail(enabled, "a machine that is not enabled is no executor", "remove the key, or give a docker list")
		}
	}
	s.executor.LayerCaching = c.boolean(n.Get("docker_layer_caching"))
	s.executor.CodeSigning = c.texts(n.Get("code_signing"))
	c.innerKeys(n, s)
}

func (c *compiler) macos(n *document.Node, s *surroundings) {
	s.executor.Kind = core.ExecutorMacOS
	if !c.fields(n, macosKeys) {
		return
	}
	s.executor.Xcode = c.version(n.Get("xcode"))
	if at := n.Get("xcode"); at != nil && at.Kind == document.String && s.executor.Xcode == "" {
		c.fail(at, "xcode needs a version", "write for example xcode: \"16.2.0\"")
	}
	s.executor.CodeSigning = c.texts(n.Get("code_signing"))
	c.innerKeys(n, s)
}

// innerKeys reads the keys that may stand in the executor's mapping as well as
// beside it; those beside it win.
func (c *compiler) innerKeys(n *document.Node, s *surroundings) {
	if class := c.resourceClass(n.Get("resource_class")); s.resourceClass == "" {
		s.resourceClass = class
	}
	if shell := c.shell(n.Get("shell")); s.shell == "" {
		s.shell = shell
	}
}

var runnerClassForm = regexp.MustCompile(`^[a-zA-Z0-9_-]+/[a-zA-Z0-9_-]+$`)

// resourceClass reads a class of the installation, or a runner's, which is
// namespace/name. What classes there are is the installation's to say.
func (c *compiler) resourceClass(n *document.Node) string {
	class := c.text(n)
	switch {
	case n == nil || n.Kind != document.String:
	case strings.TrimSpace(class) == "":
		c.fail(n, "the resource class has no name", "write one of the installation's classes, or remove the key")
	case strings.Contains(class, "/") && !runnerClassForm.MatchString(class):
		c.fail(n, fmt.Sprintf("Invalid format in resource class or classes: %s.", clip(class)), "the class of a runner is namespace/name, of letters, digits, _ and -")
	}
	return class
}
