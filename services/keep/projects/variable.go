// SPDX-License-Identifier: MPL-2.0

package projects

import (
	"context"
	"fmt"
	"regexp"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/muster-ci/muster/core"
)

const (
	// sealingKey is the name of the key that variables are sealed with.
	sealingKey = "projects"
	// maxVariable is CircleCI's limit of a value, in bytes.
	maxVariable     = 32 << 10
	maxVariableName = 300
	// opening bounds how many values are opened at once: with Vault each is a
	// request.
	opening = 8
)

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// SetVariable implements core.ProjectSecrets.
func (s *Service) SetVariable(ctx context.Context, v core.ProjectVariable) error {
	if err := validVariableName(v.Name); err != nil {
		return err
	}
	if len(v.Value) > maxVariable {
		return core.Errorf(core.CodeInvalid, "The value of %s has %d bytes; %d are allowed.", v.Name, len(v.Value), maxVariable)
	}
	for i := range len(v.Value) {
		if v.Value[i] == 0 {
			return core.Errorf(core.CodeInvalid, "The value of %s has a zero byte in it, which no environment variable can hold.", v.Name)
		}
	}
	if _, err := s.Project(ctx, v.Project); err != nil {
		return err
	}
	sealed, err := s.deps.Sealer.Seal(ctx, sealingKey, []byte(v.Value), []byte(v.Project))
	if err != nil {
		return fmt.Errorf("sealing variable: %w", err)
	}
	if err := s.putVariable(ctx, v.Project, v.Name, sealed); err != nil {
		return err
	}
	s.deps.Logger.Info("variable set", "project_id", v.Project, "name", v.Name)
	return nil
}

// DeleteVariable implements core.ProjectSecrets.
func (s *Service) DeleteVariable(ctx context.Context, v core.ProjectVariable) error {
	if err := s.removeVariable(ctx, v.Project, v.Name); err != nil {
		return err
	}
	s.deps.Logger.Info("variable deleted", "project_id", v.Project, "name", v.Name)
	return nil
}

// ListVariables implements core.ProjectSecrets. The values are opened for it:
// a mask kept beside the sealed value would be four characters of it in plain.
func (s *Service) ListVariables(ctx context.Context, id core.ProjectID) ([]core.ProjectVariable, error) {
	variables, err := s.RevealVariables(ctx, id)
	for i := range variables {
		variables[i].Value = mask(variables[i].Value)
	}
	return variables, err
}

// RevealVariables implements core.ProjectSecrets.
func (s *Service) RevealVariables(ctx context.Context, id core.ProjectID) ([]core.ProjectVariable, error) {
	rows, err := s.variables(ctx, id)
	if err != nil {
		return nil, err
	}
	variables := make([]core.ProjectVariable, len(rows))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(opening)
	for i, row := range rows {
		group.Go(func() error {
			plain, err := s.deps.Sealer.Open(ctx, sealingKey, row.Sealed, []byte(id))
			if err != nil {
				return fmt.Errorf("opening variable %s: %w", row.Name, err)
			}
			variables[i] = core.ProjectVariable{Project: id, Name: row.Name, Value: string(plain)}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return variables, nil
}

// mask shows the last four characters as CircleCI does, but never more than
// half of a value.
func mask(value string) string {
	shown := min(4, utf8.RuneCountInString(value)/2)
	tail := len(value)
	for range shown {
		_, size := utf8.DecodeLastRuneInString(value[:tail])
		tail -= size
	}
	return "xxxx" + value[tail:]
}

func validVariableName(name string) error {
	if len(name) > maxVariableName || !variableName.MatchString(name) {
		return core.Errorf(core.CodeInvalid, "%q is not a name for an environment variable: use letters, digits and _, and no digit first.", name)
	}
	return nil
}
