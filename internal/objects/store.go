// SPDX-License-Identifier: MPL-2.0

package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/muster-ci/muster/core"
)

const (
	// contentType is set so that nothing sniffs: what is in here comes from
	// builds.
	contentType = "application/octet-stream"
	// partSize times parallelParts bounds the memory of one upload. S3 takes
	// 10,000 parts of an object, so that this is also a limit of 78 GiB.
	partSize      = 8 << 20
	parallelParts = 2
	listPage      = 1000
	// maxTTL is what S3 signs at most.
	maxTTL = 7 * 24 * time.Hour
)

// Store is one bucket or folder. It is safe for use by several goroutines, and
// several processes may use the same one.
type Store struct {
	bucket *blob.Bucket
	files  *folder    // nil for S3
	s3     *s3.Client // nil for a folder
	name   string     // of the bucket
}

// Open opens the store at an address as the package comment shows them. A
// folder is made if needed; a bucket is not asked for, so that a service can
// start while it is away.
func Open(ctx context.Context, address string) (*Store, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "%q is not the address of an object store: %w", address, err)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "reading the settings in the address of the object store: %w", err)
	}
	switch u.Scheme {
	case "file":
		return openFolder(u, query)
	case "s3":
		return openS3(ctx, u, query)
	default:
		return nil, core.Errorf(core.CodeInvalid, "%q is not the address of an object store; use file:///folder or s3://bucket", address)
	}
}

func openS3(ctx context.Context, u *url.URL, query url.Values) (*Store, error) {
	if endpoint := query.Get("endpoint"); endpoint != "" {
		if parsed, err := url.Parse(endpoint); err != nil || parsed.Host == "" {
			return nil, core.Errorf(core.CodeInvalid, "%q is not an endpoint for S3: write it with http:// or https://", endpoint)
		}
	}
	// Many S3-compatible stores do not know the checksums that the SDK sends
	// by default since 2025.
	for _, name := range []string{"request_checksum_calculation", "response_checksum_validation"} {
		if query.Get("endpoint") != "" && !query.Has(name) {
			query.Set(name, "when_required")
		}
	}
	address := *u
	address.RawQuery = query.Encode()
	bucket, err := new(s3blob.URLOpener).OpenBucketURL(ctx, &address)
	if err != nil {
		return nil, core.Errorf(core.CodeInvalid, "opening the object store: %w", err)
	}
	store := &Store{bucket: bucket, name: u.Host}
	if !bucket.As(&store.s3) {
		return nil, core.Errorf(core.CodeInternal, "the library of the object store does not show its client")
	}
	return store, nil
}

// Put stores what r holds, in place of an older object. When it returns an
// error nothing has changed; an error of r is returned as it is.
func (s *Store) Put(ctx context.Context, key string, r io.Reader) error {
	if err := checkKey(key); err != nil {
		return err
	}
	from := &source{r: r}
	var err error
	if s.files != nil {
		err = s.files.put(ctx, s.bucket, key, from)
	} else {
		err = write(ctx, s.bucket, key, from, nil)
	}
	if from.err != nil {
		return from.err
	}
	return translate(err, key)
}

// write copies r to a new object; durable, which may be nil, is called before
// the object appears.
func write(ctx context.Context, bucket *blob.Bucket, key string, r io.Reader, durable *syncer) error {
	// Closing a writer completes the object unless its context has ended.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	options := &blob.WriterOptions{ContentType: contentType, BufferSize: partSize, MaxConcurrency: parallelParts}
	if durable != nil {
		options.BeforeWrite = durable.capture
	}
	w, err := bucket.NewWriter(ctx, key, options)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if err == nil && durable != nil {
		err = durable.sync()
	}
	if err != nil {
		cancel()
		return errors.Join(err, ignoreCanceled(w.Close()))
	}
	return w.Close()
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// Get returns a whole object. The caller closes it; its Read returns errors
// with codes.
func (s *Store) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	return s.GetRange(ctx, key, 0, -1)
}

// GetRange returns length bytes from offset, fewer at the end of the object and
// none beyond it. A length below 0 means all to the end.
func (s *Store) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if offset < 0 {
		return nil, core.Errorf(core.CodeInvalid, "an object cannot be read from %d", offset)
	}
	r, err := s.bucket.NewRangeReader(ctx, key, offset, length, nil)
	if apiCode(err) == "InvalidRange" {
		return http.NoBody, nil
	}
	if err != nil {
		return nil, translate(err, key)
	}
	return body{r, key}, nil
}

// Size returns the number of bytes of an object.
func (s *Store) Size(ctx context.Context, key string) (int64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	attributes, err := s.bucket.Attributes(ctx, key)
	err = translate(err, key)
	if core.ErrorCode(err) == core.CodeNotFound && s.files == nil {
		return s.sizeByReading(ctx, key)
	}
	if err != nil {
		return 0, err
	}
	return attributes.Size, nil
}

// sizeByReading asks once more for an object that a HEAD did not find. The answer
// to a HEAD has no body to say that it is the bucket that is missing, or the key
// that is wrong, and objects must not be taken for gone because of that.
func (s *Store) sizeByReading(ctx context.Context, key string) (int64, error) {
	r, err := s.bucket.NewRangeReader(ctx, key, 0, 1, nil)
	if apiCode(err) == "InvalidRange" {
		return 0, nil // it came meanwhile and has no first byte
	}
	if err != nil {
		return 0, translate(err, key)
	}
	defer r.Close()
	return r.Size(), nil
}

// Delete removes an object. One that is not there is no error, so that a
// deletion can be done twice.
func (s *Store) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if s.s3 != nil {
		// Not by way of the library, which sends a HEAD before it: that needs the
		// right to read, and takes a missing bucket for a missing object.
		_, err := s.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.name, Key: &key})
		if apiCode(err) == "NoSuchKey" {
			return nil // S3 itself does not say so, others do
		}
		return translate(err, key)
	}
	err := translate(s.bucket.Delete(ctx, key), key)
	if core.ErrorCode(err) == core.CodeNotFound {
		err = nil
	}
	if err == nil {
		s.files.prune(key)
	}
	return err
}

// List calls f for each object whose key begins with prefix, in no order that
// can be relied on, and ends with f's error if it returns one. Objects that come
// or go meanwhile may be told or not.
func (s *Store) List(ctx context.Context, prefix string, f func(key string, size int64, modified time.Time) error) error {
	if err := checkPrefix(prefix); err != nil {
		return err
	}
	if s.files != nil {
		return s.files.list(ctx, prefix, f)
	}
	token := blob.FirstPageToken
	for {
		page, next, err := s.bucket.ListPage(ctx, token, listPage, &blob.ListOptions{Prefix: prefix})
		if err != nil {
			return translate(err, prefix)
		}
		for _, object := range page {
			if err := f(object.Key, object.Size, object.ModTime); err != nil {
				return err
			}
		}
		if len(next) == 0 {
			return nil
		}
		token = next
	}
}

// SignedURL returns a URL with which anyone may GET or PUT the one object until
// ttl has passed, seven days at most. It does not look whether the object is
// there. A folder's without a base_url begins with HandlerPath.
func (s *Store) SignedURL(ctx context.Context, key, method string, ttl time.Duration) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	if method != http.MethodGet && method != http.MethodPut {
		return "", core.Errorf(core.CodeInvalid, "URLs are signed for GET and PUT, not for %q", method)
	}
	if ttl < time.Second || ttl > maxTTL {
		return "", core.Errorf(core.CodeInvalid, "a URL is signed for a second to seven days, not for %s", ttl)
	}
	signed, err := s.bucket.SignedURL(ctx, key, &blob.SignedURLOptions{Method: method, Expiry: ttl})
	if err != nil {
		return "", fmt.Errorf("signing a URL: %w", translate(err, key))
	}
	return signed, nil
}

// Close ends the use of the store.
func (s *Store) Close() error { return s.bucket.Close() }
