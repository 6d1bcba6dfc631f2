// SPDX-License-Identifier: MPL-2.0

package samples

import (
	"math"
	"time"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// MaxPoints is the most points of a series.
const MaxPoints = 720

// Bounds of what an agent may claim; more is cut to them.
const (
	maxCores = 1 << 16
	maxBytes = math.MaxInt64 / 4
)

// Series is what is kept of an attempt. Its zero value has seen nothing.
type Series struct {
	Interval time.Duration   `json:"interval"` // of the agent's samples
	Fold     int             `json:"fold"`     // samples that a point stands for, a power of two
	Points   []Point         `json:"points"`   // all but the last are whole
	Partial  int             `json:"partial"`  // samples in the last point, if it is not whole; else 0
	Count    int             `json:"count"`    // samples in all
	Sum      Point           `json:"sum"`
	Peak     Point           `json:"peak"`
	In       int64           `json:"in"`
	Out      int64           `json:"out"`
	Class    core.UsageLimit `json:"class"`
}

// Point is the average CPU, and the most memory and disk, of some samples.
type Point struct {
	CPU    float64 `json:"c"` // cores
	Memory float64 `json:"m"` // bytes
	Disk   float64 `json:"d"` // bytes
}

// Add takes an agent's word.
func (s *Series) Add(u wire.Usage) {
	if s.Interval <= 0 {
		s.Interval, s.Fold = max(time.Second, min(u.Interval, time.Hour)), 1
	}
	for i := range min(len(u.CPU), len(u.Memory), len(u.Disk), wire.MaxSamples) {
		s.add(Point{CPU: bounded(u.CPU[i], maxCores), Memory: bounded(float64(u.Memory[i]), maxBytes), Disk: bounded(float64(u.Disk[i]), maxBytes)})
	}
	s.In, s.Out = max(s.In, u.NetworkIn), max(s.Out, u.NetworkOut)
	s.Class = core.UsageLimit{Name: u.Class.Name, Cores: bounded(u.Class.Cores, maxCores), Memory: max(0, u.Class.Memory)}
	if len(s.Class.Name) > 128 {
		s.Class.Name = ""
	}
}

// bounded also turns what is no number into 0.
func bounded(value float64, most float64) float64 {
	if !(value > 0) {
		return 0
	}
	return min(value, most)
}

func (s *Series) add(p Point) {
	s.Count++
	s.Sum = Point{s.Sum.CPU + p.CPU, s.Sum.Memory + p.Memory, s.Sum.Disk + p.Disk}
	s.Peak = Point{max(s.Peak.CPU, p.CPU), max(s.Peak.Memory, p.Memory), max(s.Peak.Disk, p.Disk)}
	if s.Partial == 0 {
		if len(s.Points) == MaxPoints {
			s.halve()
		}
		s.Points = append(s.Points, p)
	} else {
		s.Points[len(s.Points)-1] = merge(s.Points[len(s.Points)-1], s.Partial, p, 1)
	}
	s.Partial = (s.Partial + 1) % s.Fold
}

// halve makes every two points one. They are whole and even in number when it
// is called.
func (s *Series) halve() {
	for i := range len(s.Points) / 2 {
		s.Points[i] = merge(s.Points[2*i], 1, s.Points[2*i+1], 1)
	}
	s.Points = s.Points[:len(s.Points)/2]
	s.Fold *= 2
}

// merge joins two points that stand for n and m samples.
func merge(a Point, n int, b Point, m int) Point {
	return Point{
		CPU:    (a.CPU*float64(n) + b.CPU*float64(m)) / float64(n+m),
		Memory: max(a.Memory, b.Memory),
		Disk:   max(a.Disk, b.Disk),
	}
}

// Usage tells what was used, with the points if asked for.
func (s *Series) Usage(points bool) core.ResourceUsage {
	u := core.ResourceUsage{Class: s.Class, Interval: s.Interval * time.Duration(max(1, s.Fold)), Samples: len(s.Points), NetworkIn: s.In, NetworkOut: s.Out}
	n := float64(max(1, s.Count))
	u.CPU = core.UsageStats{Average: s.Sum.CPU / n, Peak: s.Peak.CPU}
	u.Memory = core.UsageStats{Average: s.Sum.Memory / n, Peak: s.Peak.Memory}
	u.Disk = core.UsageStats{Average: s.Sum.Disk / n, Peak: s.Peak.Disk}
	if !points {
		return u
	}
	u.Series = &core.UsageSeries{CPU: []float64{}, Memory: []int64{}, Disk: []int64{}}
	for _, p := range s.Points {
		u.Series.CPU = append(u.Series.CPU, math.Round(p.CPU*1000)/1000)
		u.Series.Memory = append(u.Series.Memory, int64(p.Memory))
		u.Series.Disk = append(u.Series.Disk, int64(p.Disk))
	}
	return u
}
