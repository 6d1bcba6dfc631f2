// SPDX-License-Identifier: MPL-2.0

package archive

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/work"
)

// state is where an archive is.
//
//	open ── commit ──► committed ── expired, cleared ──► removed ──► no row
//	 └── the attempt ended without a commit ───────────────┘
//
// Only what is committed is ever seen. A removed one stays until no URL that was
// signed for it works any more: who is reading it may go on, and nothing that is
// PUT late stays behind.
type state string

const (
	stateOpen      state = "open"
	stateCommitted state = "committed"
	stateRemoved   state = "removed"
)

// row is an archive without its parts, which are read where they are needed.
type row struct {
	bun.BaseModel `bun:"table:archives,alias:r"`
	work.Item
	State        state               `bun:"state"`
	Kind         core.ArchiveKind    `bun:"kind"`
	Organization core.OrganizationID `bun:"organization_id"`
	Project      core.ProjectID      `bun:"project_id"`
	Workflow     core.WorkflowID     `bun:"workflow_id"`
	Job          core.JobID          `bun:"job_id"`
	JobName      string              `bun:"job_name"`
	Task         core.TaskID         `bun:"task_id"`
	Index        int                 `bun:"task_index"`
	Attempt      core.AttemptID      `bun:"attempt_id"`
	Number       int                 `bun:"attempt"`
	Status       core.JobStatus      `bun:"status"`
	Step         int                 `bun:"step"`
	Fork         string              `bun:"fork"`
	Key          string              `bun:"cache_key"`
	KeySum       string              `bun:"key_sum"`
	Digest       string              `bun:"digest"`
	Plain        int64               `bun:"plain"`
	Stored       int64               `bun:"stored"`
	Files        int                 `bun:"files"`
	BegunAt      store.Time          `bun:"begun_at"`
	CommittedAt  store.Time          `bun:"committed_at"`
	ExpiresAt    store.Time          `bun:"expires_at"`
	RemovedAt    store.Time          `bun:"removed_at"`
	Secret       string              `bun:"secret"`
}

func (r *row) id() core.ArchiveID { return core.ArchiveID(r.ID) }

// prefix is the folder of an archive's objects.
func (r *row) prefix() string { return "archives/" + r.ID + "/" }

func (r *row) object(part int) string { return r.prefix() + strconv.Itoa(part) }

// context is bound into the sealed secret.
func (r *row) context() []byte {
	return []byte("archive\x00" + string(r.Organization) + "\x00" + r.ID)
}

// partSize is what a part takes in the column: its SHA-256 and two sizes.
const partSize = 32 + 8 + 8

func packParts(parts []core.ArchivePart) ([]byte, error) {
	packed := make([]byte, 0, len(parts)*partSize)
	for i, p := range parts {
		sum, err := hex.DecodeString(p.SHA256)
		if err != nil || len(sum) != 32 {
			return nil, core.Errorf(core.CodeInvalid, "part %d has no SHA-256 in hexadecimal digits", i)
		}
		packed = append(packed, sum...)
		packed = binary.BigEndian.AppendUint64(packed, uint64(p.Size))
		packed = binary.BigEndian.AppendUint64(packed, uint64(p.Plain))
	}
	return packed, nil
}

func unpackParts(packed []byte) ([]core.ArchivePart, error) {
	if len(packed)%partSize != 0 {
		return nil, fmt.Errorf("the list of an archive's parts has %d bytes, which is no multiple of %d", len(packed), partSize)
	}
	parts := make([]core.ArchivePart, 0, len(packed)/partSize)
	for ; len(packed) > 0; packed = packed[partSize:] {
		parts = append(parts, core.ArchivePart{
			SHA256: hex.EncodeToString(packed[:32]),
			Size:   int64(binary.BigEndian.Uint64(packed[32:])),
			Plain:  int64(binary.BigEndian.Uint64(packed[40:])),
		})
	}
	return parts, nil
}

// compare orders layers: jobs by their place upstream, then tasks, then as they
// were kept.
func (r *row) compare(other *row, place map[core.JobID]int) int {
	return cmp.Or(
		cmp.Compare(place[r.Job], place[other.Job]), cmp.Compare(r.Index, other.Index), cmp.Compare(r.Step, other.Step),
		r.CommittedAt.Time().Compare(other.CommittedAt.Time()), cmp.Compare(r.ID, other.ID),
	)
}
