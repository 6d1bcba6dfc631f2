// SPDX-License-Identifier: MPL-2.0

package main

import (
	"sync"
	"time"
)

// renewed remembers the result of issue, a token of one hour, and asks for the
// next when half of the hour is over.
func renewed(issue func() (string, error)) func() (string, error) {
	var (
		mu     sync.Mutex
		token  string
		issued time.Time
	)
	return func() (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if token != "" && time.Since(issued) < 30*time.Minute {
			return token, nil
		}
		next, err := issue()
		if err != nil {
			return "", err
		}
		token, issued = next, time.Now()
		return token, nil
	}
}
