// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"math"
	"strconv"
	"strings"
)

// maxSeconds is longer than any test: what is more is no duration.
const maxSeconds = 30 * 24 * 3600

// seconds reads a duration as tools write them: "0.012", "1,234.5" with
// thousands, "0,012" of other countries, "00:01:02.5" of .NET. What is none is 0.
func seconds(text string) float64 {
	text = strings.TrimSpace(text)
	if strings.Contains(text, ":") {
		return clock(text)
	}
	text = strings.TrimSuffix(text, "s")
	if comma := strings.LastIndexByte(text, ','); comma >= 0 {
		if strings.LastIndexByte(text, '.') > comma {
			text = strings.ReplaceAll(text, ",", "")
		} else {
			text = strings.ReplaceAll(text[:comma], ".", "") + "." + text[comma+1:]
		}
	}
	return sane(strconv.ParseFloat(text, 64))
}

// clock reads hours, minutes and seconds.
func clock(text string) float64 {
	total := 0.0
	for part := range strings.SplitSeq(text, ":") {
		total = total*60 + sane(strconv.ParseFloat(part, 64))
	}
	return sane(total, nil)
}

func sane(n float64, err error) float64 {
	if err != nil || math.IsNaN(n) || n < 0 || n > maxSeconds {
		return 0
	}
	return n
}
