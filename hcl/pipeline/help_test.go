// SPDX-License-Identifier: MPL-2.0

package pipeline_test

import (
	"testing"

	"github.com/muster-ci/muster/hcl/pipeline"
)

func TestFunctionsAreDescribed(t *testing.T) {
	t.Parallel()
	list := pipeline.Functions()
	if len(list) < 60 {
		t.Errorf("only %d functions", len(list))
	}
	for _, f := range list {
		if f.Doc == "" || f.Signature == f.Name+"()" {
			t.Errorf("%+v", f)
		}
	}
}
