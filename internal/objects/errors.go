// SPDX-License-Identifier: MPL-2.0

package objects

import (
	"errors"
	"io"

	"github.com/aws/smithy-go"
	"gocloud.dev/gcerrors"

	"github.com/muster-ci/muster/core"
)

// translate gives an error of the store a code. All but a missing object may
// mend itself, or be mended, without the caller changing anything.
func translate(err error, key string) error {
	var known *core.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case apiCode(err) == "NoSuchBucket":
		// Not "not found": the objects are not gone, the address is wrong.
		return &core.Error{Code: core.CodeUnavailable, Message: "the bucket of the object store does not exist", Err: err}
	case gcerrors.Code(err) == gcerrors.NotFound:
		return &core.Error{Code: core.CodeNotFound, Message: "there is no object " + key, Err: err}
	case gcerrors.Code(err) == gcerrors.PermissionDenied || refused(apiCode(err)):
		return &core.Error{Code: core.CodeUnavailable, Message: "the object store refuses this service's credentials", Err: err}
	default:
		return &core.Error{Code: core.CodeUnavailable, Message: "the object store cannot be used now", Err: err}
	}
}

// refused tells the codes of the S3 protocol for credentials that are not taken;
// the library knows the first alone.
func refused(code string) bool {
	switch code {
	case "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken",
		"XAdminUserNotFound": // versitygw's word for the second, with a status of 404
		return true
	default:
		return false
	}
}

// apiCode is the error code of the S3 protocol, "" for other errors.
func apiCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// source remembers that reading failed, so that the caller's own failure is not
// told as one of the store.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// body gives errors in mid-object a code.
type body struct {
	io.ReadCloser
	key string
}

func (b body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = translate(err, b.key)
	}
	return n, err
}
