// SPDX-License-Identifier: MPL-2.0

package objects_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/objects"
	"github.com/muster-ci/muster/internal/testx"
)

// rights are those that docs/operate.md gives to each service, as S3 calls them.
var rights = map[string][]right{
	"gateway":   {{"bundles/", "GetObject PutObject"}},
	"configs":   {{"bundles/", "GetObject"}},
	"pipelines": {{"bundles/", "DeleteObject ListBucket"}},
	"output": {{"bundles/", "GetObject"}, {"output/", "GetObject PutObject DeleteObject ListBucket"},
		{"archives/", "GetObject PutObject DeleteObject ListBucket"}},
}

type right struct{ below, actions string }

// grant sets a policy with these rights for users of the services' names.
func grant(t *testing.T, server *testx.S3) {
	t.Helper()
	type statement struct {
		Effect    string
		Principal map[string]string
		Action    []string
		Resource  string
	}
	policy := struct {
		Version   string
		Statement []statement
	}{Version: "2012-10-17"}
	for service, list := range rights {
		for _, r := range list {
			for action := range strings.FieldsSeq(r.actions) {
				resource := "arn:aws:s3:::muster/" + r.below + "*"
				if action == "ListBucket" {
					resource = "arn:aws:s3:::muster"
				}
				policy.Statement = append(policy.Statement, statement{"Allow", map[string]string{"AWS": service}, []string{"s3:" + action}, resource})
			}
		}
	}
	text, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	client := s3.New(s3.Options{
		BaseEndpoint: &server.Endpoint, UsePathStyle: true, Region: "us-east-1",
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: testx.S3AccessKey, SecretAccessKey: testx.S3SecretKey}, nil
		}),
	})
	if _, err := client.PutBucketPolicy(t.Context(), &s3.PutBucketPolicyInput{Bucket: aws.String("muster"), Policy: aws.String(string(text))}); err != nil {
		t.Fatalf("setting the bucket's policy: %v", err)
	}
}

// TestRealS3Rights: with the documented rights and no more each service can do
// what it does, and nothing in the place of another. The SDK takes keys from the
// environment, so that this is not parallel.
func TestRealS3Rights(t *testing.T) {
	server := testx.NewS3(t)
	address := server.Bucket(t, "muster")
	all := open(t, address)
	services := map[string]*objects.Store{}
	for service := range rights {
		server.User(t, service, "secret-of-"+service)
		t.Setenv("AWS_ACCESS_KEY_ID", service)
		t.Setenv("AWS_SECRET_ACCESS_KEY", "secret-of-"+service)
		services[service] = open(t, address)
		if _, err := services[service].Get(t.Context(), "bundles/p/b"); core.ErrorCode(err) != core.CodeUnavailable {
			t.Errorf("%s without any right: got %v, want unavailable", service, err)
		}
	}
	grant(t, server)
	large := bytes.Repeat([]byte("x"), 20<<20) // in parts of S3's own
	for service, s := range services {
		for _, below := range []string{"bundles/", "output/", "archives/"} {
			key := below + "a/" + service
			if err := all.Put(t.Context(), key, bytes.NewReader([]byte("y"))); err != nil {
				t.Fatal(err)
			}
			put := func() error { return s.Put(t.Context(), key, bytes.NewReader(large)) }
			get := func() error {
				r, err := s.Get(t.Context(), key)
				if err == nil {
					err = r.Close()
				}
				return err
			}
			size := func() error { _, err := s.Size(t.Context(), key); return err }
			remove := func() error { return s.Delete(t.Context(), key) }
			list := func() error {
				return s.List(t.Context(), below, func(string, int64, time.Time) error { return nil })
			}
			signed := func(method string) func() error {
				return func() error {
					u, err := s.SignedURL(t.Context(), key, method, time.Minute)
					if err == nil && status(t, method, u) != http.StatusOK {
						err = core.Errorf(core.CodeUnavailable, "refused")
					}
					return err
				}
			}
			for _, c := range []struct {
				action string
				do     func() error
			}{
				{"PutObject", put}, {"PutObject", signed(http.MethodPut)}, {"GetObject", get}, {"GetObject", size},
				{"GetObject", signed(http.MethodGet)}, {"ListBucket", list}, {"DeleteObject", remove},
			} {
				err, want := c.do(), may(service, below, c.action)
				if (err == nil) != want || err != nil && core.ErrorCode(err) != core.CodeUnavailable {
					t.Errorf("%s, %s of %s: got %v, allowed: %t", service, c.action, key, err, want)
				}
			}
		}
	}
}

// may tells a right. S3 grants the listing of a whole bucket.
func may(service, below, action string) bool {
	for _, r := range rights[service] {
		if strings.Contains(r.actions, action) && (r.below == below || action == "ListBucket") {
			return true
		}
	}
	return false
}
