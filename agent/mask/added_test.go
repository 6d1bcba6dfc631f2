// SPDX-License-Identifier: MPL-2.0

package mask

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// TestAnAddedSecretNeverShowsAgain adds a secret at a random moment of a stream
// that goes on with it in one of its forms, cut anywhere.
func TestAnAddedSecretNeverShowsAgain(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		secret := fmt.Sprintf("k%08x/\"<&> %04d", random.Uint32(), random.IntN(10_000))
		forms := []string{
			secret, strconv.Quote(secret), url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)),
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret + "\n")),
			base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(secret)))),
			base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", random.IntN(3)) + secret + "tail")),
		}
		form := forms[random.IntN(len(forms))]
		set := NewSet("another-secret")
		var out strings.Builder
		w := set.Writer(&out)
		before := strings.Repeat("noise ", random.IntN(5)) + secret[:random.IntN(len(secret))]
		w.Write([]byte(before))
		set.Add(secret)
		for rest := "\n" + form + " end\n"; rest != ""; {
			n := 1 + random.IntN(len(rest))
			w.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		w.Flush()
		if got := out.String(); strings.Contains(got, form) || strings.Contains(got, secret) || !strings.Contains(got, Mark) {
			t.Fatalf("%q shows as %q", form, got)
		}
	}
}
