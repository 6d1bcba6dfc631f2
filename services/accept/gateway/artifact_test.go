// SPDX-License-Identifier: MPL-2.0

package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/api"
	"github.com/muster-ci/muster/services/accept/gateway/gatewaytest"
)

// artifacts starts a gateway with a job that kept files, and returns the number
// of the job.
func artifacts(t *testing.T, files ...gatewaytest.File) (*gatewaytest.Server, string) {
	t.Helper()
	s := serve(t, hello)
	s.Files = files
	p := triggered(t, s, "")
	w := "/api/v2/workflow/" + get[api.List[api.Workflow]](t, s, "/api/v2/pipeline/"+p.ID+"/workflow").Items[0].ID
	eventually(t, s, w, "build", "success")
	return s, "1"
}

func TestArtifactsAreListed(t *testing.T) {
	t.Parallel()
	s, number := artifacts(t, gatewaytest.File{Path: "log/a b?.txt", Content: "x"}, gatewaytest.File{Path: "b"}, gatewaytest.File{Index: 1, Path: "c#%2F"})
	base := "/api/v2/project/" + slug + "/" + number + "/artifacts"
	first := get[api.List[api.Artifact]](t, s, base)
	if len(first.Items) != 2 || first.NextPageToken == nil {
		t.Fatalf("the first page: got %+v", first)
	}
	second := get[api.List[api.Artifact]](t, s, base+"?page-token="+*first.NextPageToken)
	var got []string
	for _, f := range append(first.Items, second.Items...) {
		address := strings.TrimPrefix(f.URL, s.URL)
		_, name, _ := strings.Cut(address, "/artifacts/")
		got = append(got, name)
		if a := send(t, s, http.MethodGet, address, ""); a.status != http.StatusOK {
			t.Errorf("%s: got %d %s", address, a.status, a.body)
		}
	}
	want := []string{"0/log/a%20b%3F.txt", "0/b", "1/c%23%252F"}
	if diff := cmp.Diff(want, got); diff != "" || second.NextPageToken != nil || second.Items[0].NodeIndex != 1 {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	refused(t, send(t, s, http.MethodGet, "/api/v2/project/"+slug+"/99/artifacts", ""), http.StatusNotFound)
}

// TestArtifactIsServed: whole, in ranges, not at all when it is known, and never
// as something that a browser would run here.
func TestArtifactIsServed(t *testing.T) {
	t.Parallel()
	s, _ := artifacts(t, gatewaytest.File{Path: "log.txt", Content: "0123456789"}, gatewaytest.File{Path: "report/index.html", Content: "<script>"},
		gatewaytest.File{Path: "x.svg", Content: "<svg/>"}, gatewaytest.File{Path: "we\"ird\nnäme", Content: "x"}, gatewaytest.File{Path: "empty.txt"})
	base := "/output/job/j1/artifacts/0/"
	whole := send(t, s, http.MethodGet, base+"log.txt", "")
	etag := whole.header.Get("ETag")
	if string(whole.body) != "0123456789" || len(etag) != 66 || whole.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("whole: got %q with %v", whole.body, whole.header)
	}
	for name, c := range map[string]struct {
		method  string
		headers []string
		status  int
		body    string
		ranged  string
	}{
		"head":             {"HEAD", nil, 200, "", ""},
		"middle":           {"GET", []string{"Range", "bytes=2-4"}, 206, "234", "bytes 2-4/10"},
		"end":              {"GET", []string{"Range", "bytes=-3"}, 206, "789", "bytes 7-9/10"},
		"rest":             {"GET", []string{"Range", "bytes=8-"}, 206, "89", "bytes 8-9/10"},
		"beyond":           {"GET", []string{"Range", "bytes=10-"}, 416, "", "bytes */10"},
		"head of a range":  {"HEAD", []string{"Range", "bytes=2-4"}, 206, "", "bytes 2-4/10"},
		"known":            {"GET", []string{"If-None-Match", `"other", ` + etag}, 304, "", ""},
		"unknown":          {"GET", []string{"If-None-Match", `"other"`}, 200, "0123456789", ""},
		"range of the old": {"GET", []string{"Range", "bytes=2-4", "If-Range", `"other"`}, 200, "0123456789", ""},
		"range of this":    {"GET", []string{"Range", "bytes=2-4", "If-Range", etag}, 206, "234", "bytes 2-4/10"},
	} {
		a := send(t, s, c.method, base+"log.txt", "", c.headers...)
		if a.status != c.status || c.status < 300 && string(a.body) != c.body || a.header.Get("Content-Range") != c.ranged {
			t.Errorf("%s: got %d %q, range %q; want %d %q, %q", name, a.status, a.body, a.header.Get("Content-Range"), c.status, c.body, c.ranged)
		}
	}
	for path, disposition := range map[string]string{
		"log.txt": "", "report/index.html": "attachment; filename=index.html", "x.svg": "attachment; filename=x.svg",
		"we%22ird%0An%C3%A4me": "attachment; filename*=utf-8''we%22ird%0An%C3%A4me", "empty.txt": "",
	} {
		a := send(t, s, http.MethodGet, base+path, "")
		if a.status != http.StatusOK || a.header.Get("Content-Disposition") != disposition {
			t.Errorf("%s: got %d, disposition %q; want %q", path, a.status, a.header.Get("Content-Disposition"), disposition)
		}
		if kind := a.header.Get("Content-Type"); disposition != "" && kind != "application/octet-stream" {
			t.Errorf("%s is served as %s", path, kind)
		}
		if a.header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(a.header.Get("Content-Security-Policy"), "sandbox;") {
			t.Errorf("%s: got headers %v", path, a.header)
		}
	}
	refused(t, send(t, s, http.MethodGet, base+"nothing", ""), http.StatusNotFound)
	refused(t, send(t, s, http.MethodGet, base, ""), http.StatusNotFound)
	refused(t, send(t, s, http.MethodGet, base+"..%2Flog.txt", ""), http.StatusNotFound)
	refused(t, send(t, s, http.MethodGet, base+"log.txt", "", "Circle-Token", "nobody's"), http.StatusUnauthorized)
	s.SetAway("ReadArtifact", true)
	if a := send(t, s, http.MethodGet, base+"x.svg", ""); a.status != http.StatusServiceUnavailable || a.header.Get("ETag") != "" {
		t.Errorf("without the object store: got %d with %v", a.status, a.header)
	}
}

func TestCachesOfAProject(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Caches = []core.Cache{{ID: "c1", Key: "go-1", Size: 5}, {ID: "c2", Key: "npm-1", Fork: "gh/x/y"}}
	base := "/api/muster/v1/project/" + slug + "/caches"
	if list := get[api.List[api.Cache]](t, s, base+"?prefix=go"); len(list.Items) != 1 || list.Items[0].Key != "go-1" || list.Items[0].ExpiresAt != nil {
		t.Errorf("got %+v", list)
	}
	if got := read[api.CachesCleared](t, send(t, s, http.MethodDelete, base+"?prefix=go", ""), http.StatusOK); got.Cleared != 1 {
		t.Errorf("cleared: got %+v", got)
	}
	if list := get[api.List[api.Cache]](t, s, base); len(list.Items) != 1 || list.Items[0].Fork != "gh/x/y" {
		t.Errorf("left: got %+v", list)
	}
	refused(t, send(t, s, http.MethodDelete, "/api/muster/v1/project/gh/acme/none/caches", ""), http.StatusNotFound)
}
