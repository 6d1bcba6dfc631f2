// SPDX-License-Identifier: MPL-2.0

package agenttest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Archive is one that the agent has begun.
type Archive struct {
	Begin     wire.ArchiveBegin
	Begun     wire.ArchiveBegun
	Commit    wire.ArchiveCommit
	Committed bool
	At        time.Time
	Layer     Layer
}

// Layer is whose layer of a workspace is kept from now on.
type Layer struct {
	Job      string
	Index    int
	Upstream []int // places of the layers before it
}

// archives is the part of a Server that keeps rows; its mutex is the Server's.
type archives struct {
	all   []*Archive
	layer Layer
}

// SetLayer says whose the layers are that are kept from now on.
func (s *Server) SetLayer(layer Layer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archives.layer = layer
}

// Archives returns what was begun so far.
func (s *Server) Archives() []Archive {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Archive
	for _, a := range s.archives.all {
		all = append(all, *a)
	}
	return all
}

// Found returns a committed archive as a find answers it.
func (a *Archive) Found() wire.FoundArchive {
	return wire.FoundArchive{ID: a.Begun.ID, Secret: a.Begun.Secret, Key: a.Begin.Key, At: a.At.Format(time.RFC3339),
		Plain: a.Commit.Plain, Files: a.Commit.Files, Parts: a.Commit.Parts,
		Job: a.Layer.Job, Index: a.Layer.Index, Upstream: a.Layer.Upstream}
}

func (s *Server) archiveRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST "+wire.PathArchiveBegin, archiveCall(s, s.beginArchive))
	mux.HandleFunc("POST "+wire.PathArchiveUpload, archiveCall(s, func(u wire.ArchiveUpload) (wire.ArchiveURLs, *wire.Error) {
		return s.archiveURLs("PUT", u.ID, u.Parts)
	}))
	mux.HandleFunc("POST "+wire.PathArchiveDownload, archiveCall(s, func(d wire.ArchiveDownload) (wire.ArchiveURLs, *wire.Error) {
		return s.archiveURLs("GET", d.ID, d.Parts)
	}))
	mux.HandleFunc("POST "+wire.PathArchiveCommit, archiveCall(s, s.commitArchive))
	mux.HandleFunc("POST "+wire.PathArchiveFind, archiveCall(s, s.findArchives))
	mux.Handle("/objects/", s.Objects)
}

// archiveCall reads the request, applies faults and answers.
func archiveCall[In, Out any](s *Server, f func(In) (Out, *wire.Error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		decodeErr := json.NewDecoder(r.Body).Decode(&in)
		s.mu.Lock()
		defer s.mu.Unlock()
		fault, ok := s.enter(w, r)
		if !ok {
			return
		}
		if decodeErr != nil {
			answer(w, http.StatusBadRequest, wire.Error{Code: core.CodeInvalid, Message: decodeErr.Error()})
			return
		}
		out, failed := f(in)
		if failed != nil {
			answer(w, http.StatusBadRequest, failed)
			return
		}
		finish(w, fault, out)
	}
}

func (s *Server) beginArchive(begin wire.ArchiveBegin) (wire.ArchiveBegun, *wire.Error) {
	for _, a := range s.archives.all {
		if a.Begin.Nonce == begin.Nonce {
			return a.Begun, nil
		}
		if begin.Kind == core.ArchiveCache && a.Committed && a.Begin.Key == begin.Key {
			return wire.ArchiveBegun{Exists: true}, nil
		}
	}
	n := len(s.archives.all)
	secret := sha256.Sum256(fmt.Appendf(nil, "secret %d", n))
	a := &Archive{Begin: begin, Begun: wire.ArchiveBegun{ID: core.ArchiveID(fmt.Sprintf("archive-%d", n)), Secret: secret[:]}, Layer: s.archives.layer}
	s.archives.all = append(s.archives.all, a)
	return a.Begun, nil
}

func (s *Server) archive(id core.ArchiveID) (*Archive, *wire.Error) {
	i := slices.IndexFunc(s.archives.all, func(a *Archive) bool { return a.Begun.ID == id })
	if i < 0 {
		return nil, &wire.Error{Code: core.CodeNotFound, Message: "no such archive"}
	}
	return s.archives.all[i], nil
}

func (s *Server) archiveURLs(method string, id core.ArchiveID, parts []int) (wire.ArchiveURLs, *wire.Error) {
	a, failed := s.archive(id)
	if failed != nil || len(parts) == 0 || len(parts) > wire.MaxArchiveURLs || a.Committed != (method == "GET") {
		return wire.ArchiveURLs{}, &wire.Error{Code: core.CodeInvalid, Message: "no addresses for that"}
	}
	out := wire.ArchiveURLs{Seconds: 300}
	for _, n := range parts {
		out.URLs = append(out.URLs, fmt.Sprintf("/objects/%s/%d?method=%s", id, n, method))
	}
	return out, nil
}

// commitArchive holds the agent to what lies in the store.
func (s *Server) commitArchive(commit wire.ArchiveCommit) (wire.ArchiveCommitted, *wire.Error) {
	a, failed := s.archive(commit.ID)
	if failed != nil {
		return wire.ArchiveCommitted{}, failed
	}
	if a.Committed {
		return wire.ArchiveCommitted{}, nil
	}
	for i, p := range commit.Parts {
		if s.Objects.Dir != "" {
			break // a benchmark's, which would measure this
		}
		stored, ok := s.Objects.object(fmt.Sprintf("%s/%d", commit.ID, i))
		sum := sha256.Sum256(stored)
		if !ok || p.Size != int64(len(stored)) || p.SHA256 != hex.EncodeToString(sum[:]) {
			return wire.ArchiveCommitted{}, &wire.Error{Code: core.CodeInvalid, Message: fmt.Sprintf("part %d is not as the commit says", i)}
		}
	}
	for _, other := range s.archives.all {
		if a.Begin.Kind == core.ArchiveCache && other.Committed && other.Begin.Key == a.Begin.Key {
			return wire.ArchiveCommitted{Exists: true}, nil
		}
	}
	a.Commit, a.Committed, a.At = commit, true, time.Date(2026, 1, 2, 3, 4, len(s.archives.all), 0, time.UTC)
	return wire.ArchiveCommitted{}, nil
}

func (s *Server) findArchives(find wire.ArchiveFind) (wire.ArchiveFound, *wire.Error) {
	var found wire.ArchiveFound
	if find.Kind == core.ArchiveWorkspace {
		for _, a := range s.archives.all {
			if a.Committed && a.Begin.Kind == find.Kind {
				found.Archives = append(found.Archives, a.Found())
			}
		}
		return found, nil
	}
	for _, key := range find.Keys {
		for _, a := range slices.Backward(s.archives.all) {
			if a.Committed && a.Begin.Kind == find.Kind && strings.HasPrefix(a.Begin.Key, key) {
				found.Archives = []wire.FoundArchive{a.Found()}
				return found, nil
			}
		}
	}
	return found, nil
}

// Contains tells whether any stored object holds text, which only what is not
// encrypted can.
func (o *Objects) Contains(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, data := range o.data {
		if bytes.Contains(data, []byte(text)) {
			return true
		}
	}
	return false
}
