// SPDX-License-Identifier: MPL-2.0

package gateway

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/internal/httpx"
	"github.com/muster-ci/muster/internal/pipe"
)

func (s *Service) sshEndpoints() []endpoint {
	return []endpoint{
		{method: http.MethodGet, path: own + "/ssh-keys", summary: "List my SSH keys", status: 200, out: api.List[api.SSHKey]{}, serve: s.listSSHKeys},
		{method: http.MethodPost, path: own + "/ssh-keys", summary: "Add an SSH key, for jobs that I rerun with SSH", status: 201, in: api.NewSSHKey{}, out: api.SSHKey{}, serve: s.addSSHKey},
		{method: http.MethodDelete, path: own + "/ssh-keys/:id", summary: "Remove one of my SSH keys", status: 200, out: api.Message{}, serve: s.removeSSHKey},
		{method: http.MethodGet, path: own + "/jobs/:id/ssh", summary: "Where a job that I reran with SSH can be logged in to", status: 200, out: api.List[api.SSHPlace]{}, serve: s.sshPlaces},
		{method: http.MethodGet, path: own + "/jobs/:id/tasks/:index/ssh", summary: "Connect to a job's SSH server (Upgrade: muster-ssh)", status: 101, headers: []string{"Upgrade"}, media: "application/octet-stream", raw: s.connectSSH},
	}
}

// listSSHKeys answers GET /ssh-keys.
func (s *Service) listSSHKeys(r *request) (any, error) {
	keys, err := s.deps.Peers.SSHKeys.ListSSHKeys(r.ctx(), r.user.ID)
	if err != nil {
		return nil, err
	}
	items := make([]api.SSHKey, 0, len(keys))
	for _, k := range keys {
		items = append(items, showSSHKey(k))
	}
	return api.NewList(items, ""), nil
}

func showSSHKey(k core.SSHKey) api.SSHKey {
	return api.SSHKey{ID: string(k.ID), Label: k.Label, PublicKey: k.PublicKey, Fingerprint: k.Fingerprint, CreatedAt: k.CreatedAt}
}

// addSSHKey answers POST /ssh-keys.
func (s *Service) addSSHKey(r *request) (any, error) {
	var in api.NewSSHKey
	if err := r.body(&in); err != nil {
		return nil, err
	}
	key, err := s.deps.Peers.SSHKeys.AddSSHKey(r.ctx(), core.SSHKey{ID: core.SSHKeyID(s.deps.NewID()), User: r.user.ID, Label: in.Label, PublicKey: in.PublicKey})
	if err != nil {
		return nil, err
	}
	s.deps.Logger.Info("ssh key added", "user_id", r.user.ID, "key_id", key.ID, "fingerprint", key.Fingerprint)
	return showSSHKey(key), nil
}

// removeSSHKey answers DELETE /ssh-keys/{id}.
func (s *Service) removeSSHKey(r *request) (any, error) {
	id, err := r.id("id")
	if err != nil {
		return nil, err
	}
	if err := s.deps.Peers.SSHKeys.RemoveSSHKey(r.ctx(), core.SSHKey{ID: core.SSHKeyID(id), User: r.user.ID}); err != nil {
		return nil, err
	}
	s.deps.Logger.Info("ssh key removed", "user_id", r.user.ID, "key_id", id)
	return api.Message{Message: "SSH key removed."}, nil
}

// sshPlaces answers GET /jobs/{id}/ssh, with the places that are the caller's.
func (s *Service) sshPlaces(r *request) (any, error) {
	job, err := s.jobByID(r)
	if err != nil {
		return nil, err
	}
	places, err := s.placesOf(r, job)
	if err != nil {
		return nil, err
	}
	items := []api.SSHPlace{}
	for index, p := range places {
		if p.User == r.user.ID {
			items = append(items, api.SSHPlace{Index: index, Attempt: string(p.Attempt), Address: p.Address, HostKey: p.HostKey})
		}
	}
	return api.NewList(items, ""), nil
}

// placesOf are the latest places of a job's tasks, by index.
func (s *Service) placesOf(r *request, job core.Job) (map[int]core.SSHPlace, error) {
	ids, indices := make([]core.TaskID, len(job.Tasks)), map[core.TaskID]int{}
	for i, task := range job.Tasks {
		ids[i], indices[task.ID] = task.ID, task.Index
	}
	places, err := s.deps.Peers.SSHPlaces.SSHPlaces(r.ctx(), ids)
	if err != nil {
		return nil, err
	}
	byIndex := make(map[int]core.SSHPlace, len(places))
	for _, p := range places {
		byIndex[indices[p.Task]] = p
	}
	return byIndex, nil
}

// connectSSH answers GET /jobs/{id}/tasks/{index}/ssh: after 101 the bytes are
// those of SSH, between the caller's client and the job's server. That the
// caller may is checked by output, which knows who asked for the job.
func (s *Service) connectSSH(c *gin.Context) {
	r := s.request(c)
	if !pipe.Asked(c.Request) {
		fail(c, core.Errorf(core.CodeInvalid, "Ask with \"Connection: Upgrade\" and \"Upgrade: %s\" over HTTP/1.1, as `muster ssh` does.", pipe.Protocol))
		return
	}
	place, err := s.wantedPlace(r)
	if err != nil {
		fail(c, err)
		return
	}
	if !s.streams.enter(r.user.ID) {
		fail(c, core.Errorf(core.CodeExhausted, "You have %d streams open, which is the limit.", s.cfg.MaxStreams))
		return
	}
	defer s.streams.leave(r.user.ID)
	there, err := s.deps.Peers.SSHPlaces.CallSSH(r.ctx(), core.SSHCall{Attempt: place.Attempt, User: r.user.ID, Remote: httpx.RemoteHost(c.Request)})
	if err != nil {
		fail(c, err)
		return
	}
	here, err := pipe.Accept(c.Writer)
	if err != nil {
		there.Close()
		s.deps.Logger.Warn("a connection to a job could not be opened", "attempt_id", place.Attempt, "error", err)
		return
	}
	audit := s.deps.Logger.Named("audit").With("attempt_id", place.Attempt, "user_id", r.user.ID, "login", r.user.Login, "remote", httpx.RemoteHost(c.Request))
	audit.Info("ssh connection opened")
	pipe.Join(here, there)
	audit.Info("ssh connection closed")
}

func (s *Service) wantedPlace(r *request) (core.SSHPlace, error) {
	job, err := s.jobByID(r)
	if err != nil {
		return core.SSHPlace{}, err
	}
	index, err := r.number("index")
	if err != nil {
		return core.SSHPlace{}, err
	}
	places, err := s.placesOf(r, job)
	if err != nil {
		return core.SSHPlace{}, err
	}
	place, ok := places[int(index)]
	if !ok {
		return place, core.Errorf(core.CodeNotFound, "The job cannot be logged in to: it was not run with SSH, is not ready for it yet, or is over. Its status is %s.", strings.ReplaceAll(string(job.Status), "_", " "))
	}
	return place, nil
}
