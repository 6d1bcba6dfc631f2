// SPDX-License-Identifier: MPL-2.0

package main

func withTables() []string {
	return []string{"configs", "pipelines", "workflows", "queue", "placements", "output", "identity", "projects"}
}
