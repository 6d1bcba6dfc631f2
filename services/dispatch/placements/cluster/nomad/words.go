// SPDX-License-Identifier: MPL-2.0

package nomad

import (
	"bytes"
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/nomad/api"

	"github.com/muster-ci/muster/services/dispatch/placements/cluster"
)

// What is shown of a service container that has ended: its last lines.
const (
	lastLines = 20
	lastBytes = 8 << 10
	// wordsFor bounds how long its client may take to tell them.
	wordsFor = time.Second
	// maxWords is of how many containers they are remembered: an agent asks now
	// and then until its job is over, and what has ended says nothing more.
	maxWords = 256
)

// addWords adds to the containers that have ended what they wrote last, as far as
// the client has kept it.
func (c *Cluster) addWords(ctx context.Context, a *cluster.Allocation) {
	ctx, cancel := context.WithTimeout(ctx, wordsFor)
	defer cancel()
	for i := range a.Containers {
		fact := &a.Containers[i]
		if fact.Exit == nil || fact.Index == 0 {
			continue
		}
		task := serviceTask + strconv.Itoa(fact.Index)
		key := a.ID + "/" + task
		known, ok := c.words.Get(key)
		if !ok {
			known, ok = c.lastWords(ctx, a.ID, task)
			if ok && known != "" { // the last lines may be on their way to the file
				c.words.Add(key, known)
			}
		}
		fact.Output = known
	}
}

// lastWords reads the end of both logs of a task from its client, through
// whichever Nomad we talk to. It tells whether there was an answer.
func (c *Cluster) lastWords(ctx context.Context, alloc, task string) (string, bool) {
	var words bytes.Buffer
	for _, kind := range []string{"stdout", "stderr"} {
		query := (&api.QueryOptions{Params: map[string]string{
			"task": task, "type": kind, "plain": "true", "origin": "end", "offset": strconv.Itoa(lastBytes),
		}}).WithContext(ctx)
		body, err := c.client.Raw().Response("/v1/client/fs/logs/"+alloc, query)
		if err != nil {
			c.deps.Logger.Debug("Nomad does not tell the last lines of a container", "alloc_id", alloc, "task", task, "error", err)
			return "", false
		}
		text, err := io.ReadAll(io.LimitReader(body, lastBytes))
		body.Close()
		if err != nil {
			return "", false
		}
		words.Write(text)
		if n := len(text); n > 0 && text[n-1] != '\n' {
			words.WriteByte('\n')
		}
	}
	return tail(string(bytes.ToValidUTF8(words.Bytes(), nil))), true
}

// tail returns the last lines of a text.
func tail(text string) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-lastLines-1):], "")
}
