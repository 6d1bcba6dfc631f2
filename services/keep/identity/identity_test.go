// SPDX-License-Identifier: MPL-2.0

package identity_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/secrets"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/testx"
	"github.com/muster-ci/muster/services/keep/identity"
)

// start runs a service on db until the test ends and waits until it is ready.
// handOver takes the first token.
func start(t *testing.T, cfg identity.Config, db *store.DB, handOver func(string) error) *identity.Service {
	t.Helper()
	s, err := identity.New(cfg, identity.Deps{
		Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, DB: db, Signer: signer(t), FirstToken: handOver,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	for s.Ready(ctx) != nil {
		select {
		case err := <-ended:
			t.Fatalf("run ended early: %v", err)
		case <-time.After(2 * time.Millisecond): // Ready has no signal, it is polled as Consul polls it
		}
	}
	return s
}

func signer(t *testing.T) *secrets.Keyset {
	t.Helper()
	k, err := secrets.NewKeyset(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func ignore(string) error { return nil }

func TestTokens(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		s := start(t, identity.Default(), open(), ignore)
		ctx := t.Context()
		ada, err := s.CreateUser(ctx, core.User{Login: "ada", Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.CreateToken(ctx, core.Token{User: ada.ID, Label: "laptop"})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(token.Value, identity.Prefix) || len(token.Value) != len(identity.Prefix)+40 {
			t.Errorf("value %q is not a prefix and 40 characters", token.Value)
		}
		got, err := s.Authenticate(ctx, token.Value)
		if err != nil || got != ada {
			t.Errorf("authenticate: got %+v, %v, want %+v", got, err, ada)
		}
		listed, err := s.ListTokens(ctx, ada.ID)
		if err != nil {
			t.Fatal(err)
		}
		token.CreatedAt = token.CreatedAt.Truncate(time.Microsecond)
		if diff := cmp.Diff([]core.Token{token.Token}, listed); diff != "" {
			t.Errorf("tokens (-want +got):\n%s", diff)
		}
		if err := s.RevokeToken(ctx, token.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Authenticate(ctx, token.Value); core.ErrorCode(err) != core.CodeUnauthorized {
			t.Errorf("a revoked token: got %v, want unauthorized", err)
		}
	})
}

func TestAuthenticateRefuses(t *testing.T) {
	t.Parallel()
	s := start(t, identity.Default(), storetest.Open(t, "identity"), ignore)
	for _, value := range []string{"", " ", "mst_nobody", strings.Repeat("x", 300)} {
		if _, err := s.Authenticate(t.Context(), value); core.ErrorCode(err) != core.CodeUnauthorized {
			t.Errorf("%.10q: got %v, want unauthorized", value, err)
		}
	}
}

func TestValuesAreNotStored(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, "identity")
	var first string
	s := start(t, identity.Default(), db, func(value string) error { first = value; return nil })
	authenticate(t, s, &first)
	var hashes []string
	if err := db.NewSelect().Table("tokens").ColumnExpr("CAST(hash AS TEXT)").Scan(t.Context(), &hashes); err != nil {
		t.Fatal(err)
	}
	for _, hash := range hashes {
		if strings.Contains(hash, strings.TrimPrefix(first, identity.Prefix)) {
			t.Error("the table holds the value of a token")
		}
	}
	if len(hashes) != 1 {
		t.Errorf("got %d tokens, want 1", len(hashes))
	}
}

// authenticate checks that the value is an administrator's.
func authenticate(t *testing.T, s *identity.Service, value *string) {
	t.Helper()
	user, err := s.Authenticate(t.Context(), *value)
	if err != nil || !user.Admin || user.Login != "admin" {
		t.Fatalf("the first token: got %+v, %v, want the administrator", user, err)
	}
}

func TestLoginsAreUnique(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		s := start(t, identity.Default(), open(), ignore)
		u := core.User{ID: "u1", Login: "ada"}
		first, err := s.CreateUser(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.CreateUser(t.Context(), u)
		if err != nil || again != first {
			t.Errorf("the same call again: got %+v, %v, want %+v", again, err, first)
		}
		if _, err := s.CreateUser(t.Context(), core.User{Login: "ada"}); core.ErrorCode(err) != core.CodeConflict {
			t.Errorf("a taken login: got %v, want conflict", err)
		}
		for _, bad := range []string{"", "two words", "a\nb", strings.Repeat("a", 101)} {
			if _, err := s.CreateUser(t.Context(), core.User{Login: bad}); core.ErrorCode(err) != core.CodeInvalid {
				t.Errorf("login %.10q: got %v, want invalid", bad, err)
			}
		}
	})
}

func TestTokensAreLimited(t *testing.T) {
	t.Parallel()
	s := start(t, identity.Config{MaxTokens: 1}, storetest.Open(t, "identity"), ignore)
	user, err := s.CreateUser(t.Context(), core.User{Login: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateToken(t.Context(), core.Token{User: user.ID}); err != nil {
		t.Fatal(err)
	}
	_, err = s.CreateToken(t.Context(), core.Token{User: user.ID})
	if core.ErrorCode(err) != core.CodeExhausted || strings.HasPrefix(err.Error(), "storing") {
		t.Errorf("one too many: got %v, want exhausted in plain words", err)
	}
	if _, err := s.CreateToken(t.Context(), core.Token{User: "nobody"}); core.ErrorCode(err) != core.CodeNotFound {
		t.Errorf("no such user: got %v, want not_found", err)
	}
}

// TestBootstrapSurvivesCrashes lets the process die at each place at which it
// can, and looks whether the value that the operator has in the end works.
func TestBootstrapSurvivesCrashes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		crash := errors.New("crash")
		var kept string
		s := prepared(t, open(), func(value string) error { kept = value; return crash })
		if _, _, err := s.Bootstrap(t.Context()); !errors.Is(err, crash) {
			t.Fatalf("got %v, want the crash", err)
		}
		lost := kept
		s = prepared(t, open(), func(value string) error { kept = value; return nil })
		value, created, err := s.Bootstrap(t.Context())
		if err != nil || !created || value != kept || value == lost {
			t.Fatalf("after the crash: got %q, %v, %v, want a new value, handed over", value, created, err)
		}
		authenticate(t, s, &kept)
		if _, created, err := s.Bootstrap(t.Context()); err != nil || created {
			t.Errorf("once more: got %v, %v, want nothing to do", created, err)
		}
		authenticate(t, s, &kept)
	})
}

// prepared is a service with tables whose Bootstrap has not been called.
func prepared(t *testing.T, db *store.DB, handOver func(string) error) *identity.Service {
	t.Helper()
	s, err := identity.New(identity.Default(), identity.Deps{
		Logger: hclog.NewNullLogger(), Clock: time.Now, NewID: core.NewID, DB: db, Signer: signer(t), FirstToken: handOver,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBootstrapAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		var mu sync.Mutex
		var kept []string
		handOver := func(value string) error {
			mu.Lock()
			defer mu.Unlock()
			kept = append(kept, value)
			return nil
		}
		var wg sync.WaitGroup
		services := []*identity.Service{prepared(t, open(), handOver), prepared(t, open(), handOver), prepared(t, open(), handOver)}
		for _, s := range services {
			wg.Go(func() {
				if _, _, err := s.Bootstrap(t.Context()); err != nil {
					t.Errorf("bootstrap: %v", err)
				}
			})
		}
		wg.Wait()
		for _, value := range kept {
			authenticate(t, services[0], &value)
		}
	})
}

func TestPresetToken(t *testing.T) {
	t.Parallel()
	storetest.Each(t, "identity", func(t *testing.T, open func() *store.DB) {
		old, fresh := strings.Repeat("o", 30), strings.Repeat("n", 30)
		for range 2 { // a second start changes nothing
			s := start(t, identity.Config{AdminToken: old, MaxTokens: 5}, open(), nil)
			authenticate(t, s, &old)
		}
		s := start(t, identity.Config{AdminToken: fresh, MaxTokens: 5}, open(), nil)
		authenticate(t, s, &fresh)
		if _, err := s.Authenticate(t.Context(), old); core.ErrorCode(err) != core.CodeUnauthorized {
			t.Errorf("the older preset: got %v, want unauthorized", err)
		}
	})
	if _, err := identity.New(identity.Config{AdminToken: "short", MaxTokens: 1}, identity.Deps{}); core.ErrorCode(err) != core.CodeInvalid {
		t.Errorf("a guessable preset: got %v, want invalid", err)
	}
}

// TestStress starts and stops the service over one database while ten callers
// use it. It is not parallel, since it counts goroutines.
func TestStress(t *testing.T) {
	testx.NoLeaks(t)
	db := storetest.Open(t, "identity")
	for round := range 3 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			s := start(t, identity.Default(), db, ignore)
			var wg sync.WaitGroup
			for i := range 10 {
				wg.Go(func() {
					user, err := s.CreateUser(t.Context(), core.User{Login: fmt.Sprintf("u%d-%d", round, i)})
					if err != nil {
						t.Errorf("user: %v", err)
						return
					}
					token, err := s.CreateToken(t.Context(), core.Token{User: user.ID})
					if err != nil {
						t.Errorf("token: %v", err)
						return
					}
					if got, err := s.Authenticate(t.Context(), token.Value); err != nil || got.ID != user.ID {
						t.Errorf("authenticate: got %+v, %v", got, err)
					}
				})
			}
			wg.Wait()
		})
	}
}
