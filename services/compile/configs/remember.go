// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/config"
	"github.com/muster-ci/muster/internal/store"
)

// Bounds of what is remembered.
const (
	maxRemembered = 1 << 20  // bytes of a packed result
	maxUnpacked   = 64 << 20 // bytes of an unpacked one
	maxVariants   = 8        // results of one config that are looked through
)

// sourceKey names a request without its values, as this version of the compiler
// reads it.
func (s *Service) sourceKey(request core.CompileRequest) (string, error) {
	request.Values = nil
	return digest(config.Version, s.deps.Orbs != nil, request)
}

// inputsKey names the values that a compilation read. A value that is absent
// differs from one that is empty.
func inputsKey(names []string, values core.PipelineValues) (string, error) {
	read := make(map[string]any, len(names)) // never nil, which reads differently
	for _, name := range names {
		if value, ok := values[name]; ok {
			read[name] = value
		}
	}
	return digest(strings.Join(names, " "), read)
}

func digest(parts ...any) (string, error) {
	// Keys of maps are sorted by the encoder, so that equal parts are equal text.
	text, err := json.Marshal(parts)
	if err != nil {
		return "", &core.Error{Code: core.CodeInvalid, Message: "the parameters or the values cannot be written as JSON", Err: err}
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// remembered looks for a result. Whatever goes wrong, the config is compiled
// instead.
func (s *Service) remembered(ctx context.Context, key string, request core.CompileRequest) (core.CompileResult, bool) {
	if s.keep == 0 || !s.migrated.Load() {
		return core.CompileResult{}, false
	}
	rows, err := s.variants(ctx, key, s.deps.Clock().Add(-s.keep))
	if err != nil {
		s.deps.Logger.Warn("reading compiled configs failed", "error", err)
		return core.CompileResult{}, false
	}
	for _, row := range rows {
		inputs, err := inputsKey(row.nameList(), request.Values)
		if err != nil || inputs != row.Inputs {
			continue
		}
		packed, err := s.result(ctx, key, inputs)
		if err != nil {
			return core.CompileResult{}, false
		}
		result, err := unpack(packed)
		if err != nil {
			s.deps.Logger.Warn("unpacking a compiled config failed", "error", err)
			return core.CompileResult{}, false
		}
		return result, s.current(ctx, request, result.Orbs)
	}
	return core.CompileResult{}, false
}

// offer hands a result to the loop that remembers it, and never waits: nobody
// shall wait for a row that only saves time.
func (s *Service) offer(key string, c compiled, values core.PipelineValues) {
	if s.keep == 0 {
		return
	}
	inputs, err := inputsKey(c.names, values)
	if err != nil {
		return
	}
	packed, err := pack(c.result)
	if err != nil || len(packed) > maxRemembered {
		return
	}
	row := compiledRow{Source: key, Inputs: inputs, Names: strings.Join(c.names, " "), Result: packed, CreatedAt: store.At(s.deps.Clock())}
	select {
	case s.results <- row:
	default:
	}
}

// remember writes results as they come.
func (s *Service) remember(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case row := <-s.results:
			if err := s.insert(ctx, row); err != nil && ctx.Err() == nil {
				s.deps.Logger.Warn("remembering a compiled config failed", "error", err)
			}
		}
	}
}

// forget deletes old results.
func (s *Service) forget(ctx context.Context) error {
	n, err := s.deleteBefore(ctx, s.deps.Clock().Add(-s.keep))
	if n > 0 {
		s.deps.Logger.Debug("forgot compiled configs", "rows", n)
	}
	return err
}

func pack(result core.CompileResult) ([]byte, error) {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if err := json.NewEncoder(w).Encode(result); err != nil {
		return nil, fmt.Errorf("packing a result: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("packing a result: %w", err)
	}
	return b.Bytes(), nil
}

func unpack(packed []byte) (core.CompileResult, error) {
	var result core.CompileResult
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return result, err
	}
	err = json.NewDecoder(io.LimitReader(r, maxUnpacked)).Decode(&result)
	return result, err
}
