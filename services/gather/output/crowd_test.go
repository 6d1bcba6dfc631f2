// SPDX-License-Identifier: MPL-2.0

package output

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-ci/muster/internal/store"
	"github.com/muster-ci/muster/internal/store/storetest"
	"github.com/muster-ci/muster/internal/wire"
)

// crowd is 200 tasks that write and 200 people who read, all at once:
//
//	task 0      floods: several connections, each with a stream of its own, that
//	            send large requests of what does not compress, until all others
//	            have written
//	stalled     send one request that stops in its middle until the ordinary ones
//	            have written
//	ordinary    send as many requests as each other, some of them large and some
//	            of a few lines, one after the other
//
// Each task has a reader who follows its step. Every fifth is slow: takes a
// little, and the rest when the ordinary ones have written.
type crowd struct {
	t       testing.TB
	service *crowdService
	shape   crowdShape
	text    []byte
	client  *http.Client
	narrow  *http.Client // of slow readers

	sent     []atomic.Int64 // requests that are acknowledged, by task
	total    atomic.Int64   // of the ordinary ones
	median   int64          // what they had when half was there
	slowest  int64          // the same of the slowest
	flooded  atomic.Int64   // requests of the one who floods
	floodHad int64          // those when half was there
	took     time.Duration  // until the ordinary ones had written
	written  chan struct{}  // closed when the ordinary ones have written
}

type crowdShape struct {
	tasks, stalled int
	floods         int // connections of the task that floods
	requests       int // of each ordinary task
	large, little  int // bytes of a request
	calm           bool
}

// wholeCrowd is what the tests and benchmarks have.
func wholeCrowd() crowdShape {
	return crowdShape{tasks: 200, stalled: 40, floods: 16, requests: 8, large: 80 << 10, little: 2 << 10}
}

func newCrowd(t testing.TB, service *crowdService, shape crowdShape) *crowd {
	c := &crowd{t: t, service: service, shape: shape, text: text(4 << 20), sent: make([]atomic.Int64, shape.tasks), written: make(chan struct{})}
	c.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1000, DisableCompression: true}}
	c.narrow = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(8 << 10) // or the kernel would read for it
		}
		return conn, err
	}}}
	t.Cleanup(c.client.CloseIdleConnections)
	t.Cleanup(c.narrow.CloseIdleConnections)
	return c
}

// size is what a task writes in one request.
func (c *crowd) size(task int) int {
	switch {
	case task <= c.shape.stalled:
		return 4 * c.shape.large
	case task%4 == 0:
		return c.shape.large
	}
	return c.shape.little
}

// log is all that a task writes but the first, which floods.
func (c *crowd) log(task int) []byte {
	n := c.size(task)
	if task > c.shape.stalled {
		n *= c.shape.requests
	}
	return c.text[task*1009:][:n]
}

// run returns when all have written and read. A calm one has the ordinary tasks
// and their readers alone.
func (c *crowd) run(ctx context.Context) {
	began := time.Now()
	var ordinary, flood, all sync.WaitGroup
	for task := range c.shape.tasks {
		switch {
		case task > c.shape.stalled:
			ordinary.Go(func() { c.write(ctx, task) })
		case c.shape.calm:
			continue
		case task > 0:
			all.Go(func() { c.stall(ctx, task) })
		}
		all.Go(func() { c.follow(ctx, task) })
	}
	for step := range c.shape.floods {
		if !c.shape.calm {
			flood.Go(func() { c.flood(ctx, step) })
		}
	}
	ordinary.Wait()
	c.took = time.Since(began)
	close(c.written)
	flood.Wait()
	if !c.shape.calm {
		c.finish(ctx, 0, c.shape.floods)
	}
	all.Wait()
}

// write is an ordinary task.
func (c *crowd) write(ctx context.Context, task int) {
	log, size, packed := c.log(task), c.size(task), []byte(nil)
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(256<<10))
	if err != nil {
		c.t.Error(err)
		return
	}
	for offset := 0; offset < len(log); offset += size {
		frame := wire.AppendFrame(nil, wire.Frame{Stream: 1, Offset: int64(offset), Data: log[offset:][:size]})
		packed = encoder.EncodeAll(frame, packed[:0])
		if !c.post(ctx, task, "zstd", bytes.NewReader(packed), 1, int64(offset+size)) {
			return
		}
		c.sent[task].Add(1)
		if c.total.Add(1) == int64(c.ordinary()*c.shape.requests/2) {
			c.look()
		}
	}
	c.finish(ctx, task, 1)
}

func (c *crowd) ordinary() int { return c.shape.tasks - 1 - c.shape.stalled }

// look notes who has got how much.
func (c *crowd) look() {
	var got []int64
	for task := c.shape.stalled + 1; task < c.shape.tasks; task++ {
		got = append(got, c.sent[task].Load())
	}
	slices.Sort(got)
	c.slowest, c.median, c.floodHad = got[0], got[len(got)/2], c.flooded.Load()
}

// stall sends a request whose second half comes when others are done.
func (c *crowd) stall(ctx context.Context, task int) {
	log := c.log(task)
	half := len(log) / 2
	first := wire.AppendFrame(nil, wire.Frame{Stream: 1, Data: log[:half]})
	second := wire.AppendFrame(nil, wire.Frame{Stream: 1, Offset: int64(half), Data: log[half:]})
	read, write := io.Pipe()
	go func() {
		_, _ = write.Write(first)
		_, _ = write.Write(second[:len(second)/2])
		select {
		case <-c.written:
		case <-ctx.Done():
		}
		_, err := write.Write(second[len(second)/2:])
		write.CloseWithError(err)
	}()
	if c.post(ctx, task, "", read, 1, int64(len(log))) {
		c.finish(ctx, task, 1)
	}
}

// flood is one of the connections of the task that floods.
func (c *crowd) flood(ctx context.Context, step int) {
	data := noise(512 << 10)
	for offset := int64(0); ; offset += int64(len(data)) {
		select {
		case <-c.written:
			return
		default:
		}
		frame := wire.AppendFrame(nil, wire.Frame{Stream: wire.StepStream(step), Offset: offset, Data: data})
		if !c.post(ctx, 0, "", bytes.NewReader(frame), wire.StepStream(step), offset+int64(len(data))) {
			return
		}
		c.flooded.Add(1)
	}
}

// finish tells that the first steps of a task are over.
func (c *crowd) finish(ctx context.Context, task, steps int) {
	code, told := 0, &c.service.Tasks[task].Told
	var body []byte
	for step := range steps {
		data := line(wire.Event{Type: wire.StepEnded, Step: step, StepStatus: "success", ExitCode: &code, At: time.Now()})
		body = wire.AppendFrame(body, wire.Frame{Stream: wire.EventStream, Offset: *told, Data: data})
		*told += int64(len(data))
	}
	c.post(ctx, task, "", bytes.NewReader(body), wire.EventStream, *told)
}

// post sends frames, after which a stream has to have a length.
func (c *crowd) post(ctx context.Context, task int, encoding string, body io.Reader, stream int, length int64) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.service.URL+wire.PathFrames, body)
	if err != nil {
		c.t.Error(err)
		return false
	}
	request.Header.Set("Authorization", "Bearer "+c.service.Tasks[task].Token)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	response, err := c.client.Do(request)
	if err != nil {
		c.t.Errorf("task %d at %d: %v", task, length, err)
		return false
	}
	defer response.Body.Close()
	var acks wire.Acks
	answer, err := io.ReadAll(response.Body)
	if err == nil {
		err = json.Unmarshal(answer, &acks)
	}
	if err != nil || response.StatusCode != http.StatusOK || acks.Streams[stream] != length {
		c.t.Errorf("task %d: got %d, %s, %v; want %d bytes of stream %d", task, response.StatusCode, answer, err, length, stream)
		return false
	}
	return true
}

// crowdTime is when those who still wait are taken for starved.
const crowdTime = 5 * time.Minute

// TestManyTasksAtOnce asks that nobody is starved, whoever floods or stalls, what is
// written is read whole and in order, and the memory of the service is bounded.
func TestManyTasksAtOnce(t *testing.T) {
	if order := os.Getenv(crowdVariable); order != "" {
		serveCrowd(t, order)
		return
	}
	for driver, open := range crowdStores(true) {
		t.Run(driver, func(t *testing.T) {
			c, grown := gather(t, open(t), wholeCrowd())
			t.Logf("of %d requests the slowest had %d, the flood %d; the service grew by %d MiB", c.median, c.slowest, c.floodHad, grown>>20)
			if c.slowest < c.median/4 {
				t.Errorf("a task had %d requests acknowledged when the median had %d", c.slowest, c.median)
			}
			if grown > mostMemory {
				t.Errorf("the service took %d MiB more than before, want %d at most", grown>>20, mostMemory>>20)
			}
		})
	}
}

// mostMemory is what 200 tasks and 200 readers may take of the service's memory,
// the garbage that the collector leaves by its rules included.
const mostMemory = 256 << 20

// crowdStores are databases by driver. SQLite waits for the disk unless it is to
// be fast; the tests' PostgreSQL never does.
func crowdStores(fast bool) map[string]func(testing.TB) store.Config {
	return map[string]func(testing.TB) store.Config{
		store.SQLite: func(t testing.TB) store.Config {
			return store.Config{Driver: store.SQLite, DSN: t.TempDir(), SkipSync: fast, LargeRows: true}
		},
		store.Postgres: func(t testing.TB) store.Config {
			return store.Config{Driver: store.Postgres, DSN: storetest.PostgresDSN(t)}
		},
	}
}

// gather runs a crowd and returns how much the service's memory grew.
func gather(t testing.TB, cfg store.Config, shape crowdShape) (*crowd, int64) {
	t.Helper()
	service := startCrowd(t, cfg, shape.tasks, shape.floods)
	service.peak(t)
	floor := service.peak(t)
	c := newCrowd(t, service, shape)
	ctx, cancel := context.WithTimeout(context.Background(), crowdTime)
	defer cancel()
	c.run(ctx)
	return c, service.peak(t) - floor
}

// BenchmarkManyTasks tells how even it goes among 200 tasks of which one floods
// and a fifth stall, how much slower the ordinary ones are for that, and what
// memory it takes.
func BenchmarkManyTasks(b *testing.B) {
	for driver, open := range crowdStores(false) {
		b.Run(driver, func(b *testing.B) {
			var calm, storm time.Duration
			for b.Loop() {
				shape := wholeCrowd()
				c, grown := gather(b, open(b), shape)
				storm += c.took
				b.ReportMetric(float64(c.slowest)/float64(c.median), "slowest/median")
				b.ReportMetric(float64(c.floodHad)/float64(c.median), "flood/median")
				b.ReportMetric(float64(grown)/(1<<20), "grown-MiB")
				shape.calm = true
				c, grown = gather(b, open(b), shape)
				calm += c.took
				b.ReportMetric(float64(grown)/(1<<20), "calm-grown-MiB")
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(calm.Seconds()/storm.Seconds(), "x-calm")
		})
	}
}
