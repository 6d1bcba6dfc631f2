// SPDX-License-Identifier: MPL-2.0

package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/muster-ci/muster/internal/api"
)

// Tests returns all tests of a job, or those that failed, with what was wrong
// about their files.
func (c *Client) Tests(ctx context.Context, slug string, number int64, failed bool) (api.TestList, error) {
	path := fmt.Sprintf("%s/project/%s/%d/tests", v2, slug, number)
	query := url.Values{}
	if failed {
		query.Set("failed", "true")
	}
	all := api.TestList{Items: []api.Test{}}
	for range maxPages {
		list, err := call[api.TestList](ctx, c, http.MethodGet, path+"?"+query.Encode(), nil)
		if err != nil {
			return all, err
		}
		all.Items = append(all.Items, list.Items...)
		all.Pending, all.Problems = list.Pending, list.Problems
		if list.NextPageToken == nil {
			break
		}
		query.Set("page-token", *list.NextPageToken)
	}
	return all, nil
}

// FlakyTests returns those of a project.
func (c *Client) FlakyTests(ctx context.Context, slug string) (api.FlakyTests, error) {
	return call[api.FlakyTests](ctx, c, http.MethodGet, v2+"/insights/"+slug+"/flaky-tests", nil)
}
