// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// urls has signed addresses of an archive's parts. It asks for many at once,
// and anew for one that did not work or is old.
type urls struct {
	store    *Store
	id       core.ArchiveID
	download bool
	count    int // of the archive's parts, when downloading

	mu    sync.Mutex
	known map[int]address
}

type address struct {
	url   string
	until time.Time
}

// take returns an address of a part and forgets it, so that the next try gets
// another.
func (u *urls) take(ctx context.Context, part int) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if a, ok := u.known[part]; ok {
		delete(u.known, part)
		if time.Now().Before(a.until) {
			return u.absolute(a.url), nil
		}
	}
	wanted := u.next(part)
	answer, err := u.ask(ctx, wanted)
	if err != nil {
		return "", err
	}
	if len(answer.URLs) != len(wanted) {
		return "", permanent{core.Errorf(core.CodeInternal, "the output service gave %d addresses for %d parts", len(answer.URLs), len(wanted))}
	}
	// The last tenth of their time is left for the transfer to begin in.
	until := time.Now().Add(time.Duration(answer.Seconds) * time.Second * 9 / 10)
	if u.known == nil {
		u.known = make(map[int]address)
	}
	for i, part := range wanted[1:] {
		u.known[part] = address{url: answer.URLs[i+1], until: until}
	}
	return u.absolute(answer.URLs[0]), nil
}

// next lists the part and some that follow and have no address. An upload knows
// not how many there will be, and asks for few.
func (u *urls) next(part int) []int {
	most, end := 8, wire.MaxArchiveParts
	if u.download {
		most, end = wire.MaxArchiveURLs, u.count
	}
	list := []int{part}
	for p := part + 1; p < end && len(list) < most; p++ {
		if _, ok := u.known[p]; !ok {
			list = append(list, p)
		}
	}
	return list
}

func (u *urls) ask(ctx context.Context, parts []int) (wire.ArchiveURLs, error) {
	var answer wire.ArchiveURLs
	if u.download {
		err := u.store.call(ctx, wire.PathArchiveDownload, wire.ArchiveDownload{ID: u.id, Parts: parts}, &answer)
		return answer, err
	}
	err := u.store.call(ctx, wire.PathArchiveUpload, wire.ArchiveUpload{ID: u.id, Parts: parts}, &answer)
	return answer, err
}

func (u *urls) absolute(url string) string {
	if strings.HasPrefix(url, "/") {
		return u.store.deps.Caller.Address() + url
	}
	return url
}
