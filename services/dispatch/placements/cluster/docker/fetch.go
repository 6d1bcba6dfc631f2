// SPDX-License-Identifier: MPL-2.0

package docker

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/distribution/reference"
	dockerregistry "github.com/moby/moby/api/types/registry"
	"github.com/moby/moby/client"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
	"github.com/muster-ci/muster/services/dispatch/placements/registry"
)

// errLoginGone ends an attempt whose login went with the process that had it.
var errLoginGone = errors.New("Muster was restarted before the job's images were fetched")

// fetch gets the images of a run and notes what it learns of them.
func (c *Cluster) fetch(ctx context.Context, r record) (cluster.Kind, error) {
	c.mu.Lock()
	logins := c.logins[r.Attempt]
	c.mu.Unlock()
	placed := cluster.Placement{Logins: logins}
	for i, image := range r.Images {
		login := placed.Login(i)
		asks := image.Auth != nil || image.AWSAuth != nil || image.GCPAuth != nil
		if asks && login == nil {
			return cluster.Lost, errLoginGone
		}
		fact, own, err := c.pull(ctx, r.Attempt, image.Image, login)
		if err != nil {
			return cluster.Image, err
		}
		fact.Index = i
		c.change(r.Attempt, func(r *record) {
			r.note(fact)
			if i == 0 {
				r.Entrypoint = cluster.Entrypoint(image, own)
			}
		})
	}
	if r.Engine != "" {
		if _, _, err := c.pull(ctx, r.Attempt, r.Engine, nil); err != nil {
			return cluster.Image, err
		}
	}
	return cluster.None, nil
}

// note keeps one fact for each container, also when a launch is repeated.
func (r *record) note(fact core.Container) {
	for i := range r.Containers {
		if r.Containers[i].Index == fact.Index {
			if !fact.Present {
				r.Containers[i] = fact
			}
			return
		}
	}
	r.Containers = append(r.Containers, fact)
}

// pull gets an image unless the engine has it. One with a login is asked for at
// its registry even so: that another project may fetch it is no leave for this
// one.
func (c *Cluster) pull(ctx context.Context, id core.AttemptID, image string, login *registry.Login) (core.Container, cluster.ImageConfig, error) {
	fact := core.Container{Image: image}
	if login == nil {
		if found, err := c.engine.ImageInspect(ctx, image); err == nil {
			fact.Present = true
			return fact, describe(&fact, found), nil
		}
	}
	c.change(id, func(r *record) { r.Doing = "pulling image " + image })
	began := time.Now()
	progress, err := c.engine.ImagePull(ctx, image, client.ImagePullOptions{RegistryAuth: encode(login)})
	if err == nil {
		err = progress.Wait(ctx)
	}
	if err != nil {
		return fact, cluster.ImageConfig{}, fmt.Errorf("%s: %w", image, err)
	}
	fact.Pulled = time.Since(began)
	found, err := c.engine.ImageInspect(ctx, image)
	if err != nil {
		return fact, cluster.ImageConfig{}, fmt.Errorf("%s: looking at the image: %w", image, err)
	}
	return fact, describe(&fact, found), nil
}

// describe fills in what an image says of itself.
func describe(fact *core.Container, found client.ImageInspectResult) cluster.ImageConfig {
	fact.Size, fact.Digest = found.Size, digestOf(fact.Image, found.RepoDigests)
	if found.Config == nil {
		return cluster.ImageConfig{}
	}
	return cluster.ImageConfig{Entrypoint: found.Config.Entrypoint, Command: found.Config.Cmd, Labels: found.Config.Labels}
}

// digestOf picks the digest under which the image's own repository knows it.
func digestOf(image string, repositories []string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return ""
	}
	for _, text := range repositories {
		repository, digest, ok := strings.Cut(text, "@")
		if other, err := reference.ParseNormalizedNamed(repository); ok && err == nil && other.Name() == named.Name() {
			return digest
		}
	}
	return ""
}

// encode makes the header of the engine's API, "" for no login.
func encode(login *registry.Login) string {
	if login == nil {
		return ""
	}
	b, err := json.Marshal(dockerregistry.AuthConfig{Username: login.Username, Password: login.Password, ServerAddress: login.Server})
	if err != nil {
		return "" // three texts can always be encoded
	}
	return base64.URLEncoding.EncodeToString(b)
}

func (c *Cluster) forgetLogins(id core.AttemptID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.logins, id)
}
