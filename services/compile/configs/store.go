// SPDX-License-Identifier: MPL-2.0

package configs

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/muster-ci/muster/internal/store"
)

// compiledRow is one remembered result.
type compiledRow struct {
	bun.BaseModel `bun:"table:configs_compiled,alias:c"`

	Source    string     `bun:"source,pk"`
	Inputs    string     `bun:"inputs,pk"`
	Names     string     `bun:"names"` // of the values that were read, between blanks
	Result    []byte     `bun:"result"`
	CreatedAt store.Time `bun:"created_at"`
}

func (r compiledRow) nameList() []string { return strings.Fields(r.Names) }

// variants returns the newest rows of one config, without their results.
func (s *Service) variants(ctx context.Context, source string, after time.Time) ([]compiledRow, error) {
	var rows []compiledRow
	err := s.deps.DB.NewSelect().Model(&rows).Column("inputs", "names").
		Where("source = ?", source).Where("created_at > ?", store.At(after)).
		OrderExpr("created_at DESC").Limit(maxVariants).Scan(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking for compiled configs: %w", err)
	}
	return rows, nil
}

func (s *Service) result(ctx context.Context, source, inputs string) ([]byte, error) {
	var packed []byte
	err := s.deps.DB.NewSelect().Model((*compiledRow)(nil)).Column("result").
		Where("source = ?", source).Where("inputs = ?", inputs).Scan(ctx, &packed)
	if err != nil {
		return nil, fmt.Errorf("reading a compiled config: %w", err)
	}
	return packed, nil
}

func (s *Service) insert(ctx context.Context, row compiledRow) error {
	_, err := s.deps.DB.NewInsert().Model(&row).
		On("CONFLICT (source, inputs) DO UPDATE").
		Set("result = EXCLUDED.result, names = EXCLUDED.names, created_at = EXCLUDED.created_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("writing a compiled config: %w", err)
	}
	return nil
}

func (s *Service) deleteBefore(ctx context.Context, before time.Time) (int64, error) {
	result, err := s.deps.DB.NewDelete().Model((*compiledRow)(nil)).Where("created_at <= ?", store.At(before)).Exec(ctx)
	if err != nil {
		return 0, fmt.Errorf("deleting compiled configs: %w", err)
	}
	return result.RowsAffected()
}
