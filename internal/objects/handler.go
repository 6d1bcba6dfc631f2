// SPDX-License-Identifier: MPL-2.0

package objects

import (
	"errors"
	"io/fs"
	"net/http"
	"os"

	"github.com/muster-ci/muster/core"
)

// HandlerPath is where Handler is served when the address names no base_url:
// on the port that agents use. Signed URLs then begin with it.
const HandlerPath = "/agent/v1/objects"

// maxUpload is what one signed PUT may hold. Large things are sent in parts,
// and whoever has one URL must not fill the disk with it.
const maxUpload = 128 << 20

// Handler serves the signed URLs of a file store, at whatever path it is
// mounted (the one in base_url). Everything else is refused, and for S3, whose
// signed URLs lead to S3, all is.
//
// A signed URL is its own permission: no other authentication goes before this
// handler.
func (s *Store) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// What is served comes from builds: nothing of it may run in a browser
		// with the rights of this address, or stay in a shared cache.
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		header.Set("Cache-Control", "private, no-store")
		header.Set("Referrer-Policy", "no-referrer")
		key, ok := s.signedKey(r)
		if !ok {
			http.Error(w, "the URL is not signed, has been changed, or has expired", http.StatusForbidden)
			return
		}
		if r.Method == http.MethodPut {
			s.serveUpload(w, r, key)
			return
		}
		s.files.serve(w, r, key)
	})
}

// signedKey returns the key that the URL gives access to with this method.
func (s *Store) signedKey(r *http.Request) (string, bool) {
	if s.files == nil {
		return "", false
	}
	method := r.URL.Query().Get("method")
	if method != r.Method || method != http.MethodGet && method != http.MethodPut {
		return "", false
	}
	key, err := s.files.signer.KeyFromURL(r.Context(), r.URL)
	return key, err == nil && checkKey(key) == nil
}

func (s *Store) serveUpload(w http.ResponseWriter, r *http.Request, key string) {
	body, err := withDigest(http.MaxBytesReader(w, r.Body, maxUpload), r.Header.Get("Content-Digest"))
	if err == nil {
		err = s.Put(r.Context(), key, body)
	}
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errDigest):
		http.Error(w, err.Error(), http.StatusBadRequest)
	case err == nil:
		w.WriteHeader(http.StatusOK)
	case errors.As(err, &tooLarge):
		http.Error(w, "the object is too large", http.StatusRequestEntityTooLarge)
	case core.ErrorCode(err) == core.CodeUnavailable:
		http.Error(w, core.ErrorMessage(err), http.StatusServiceUnavailable)
	default: // the sender broke off
		http.Error(w, "the upload is incomplete", http.StatusBadRequest)
	}
}

// serve answers a GET, with ranges.
func (d *folder) serve(w http.ResponseWriter, r *http.Request, key string) {
	f, err := os.Open(d.path(key))
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "there is no such object", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, "the object cannot be read now", http.StatusServiceUnavailable)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		http.Error(w, "there is no such object", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", "attachment")
	http.ServeContent(w, r, "", info.ModTime(), f)
}
