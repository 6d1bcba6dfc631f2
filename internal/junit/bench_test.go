// SPDX-License-Identifier: MPL-2.0

package junit

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"testing"
)

// large is a file as a big project's tests write it: mostly success, some
// failures, and what the tests printed.
func large(tests int) []byte {
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<testsuites>\n")
	for i := range tests {
		if i%50 == 0 {
			fmt.Fprintf(&out, "<testsuite name=\"shop.Part%dTest\" tests=\"50\">\n<properties><property name=\"java.version\" value=\"21\"/></properties>\n", i/50)
		}
		fmt.Fprintf(&out, `  <testcase name="does the right thing %d" classname="shop.Part%dTest" file="src/test/java/shop/Part%dTest.java" time="0.%03d">`, i, i/50, i/50, i%1000)
		if i%100 == 7 {
			fmt.Fprintf(&out, "\n    <failure message=\"expected: &lt;%d&gt; but was: &lt;0&gt;\" type=\"AssertionError\"><![CDATA[java.lang.AssertionError: expected: <%d>\n%s]]></failure>\n  ",
				i, i, bytes.Repeat([]byte("\tat shop.Deep.call(Deep.java:17)\n"), 30))
		}
		if i%10 == 3 {
			fmt.Fprintf(&out, "\n    <system-out><![CDATA[%s]]></system-out>\n  ", bytes.Repeat([]byte("12:00:00 INFO  the test says what it does\n"), 20))
		}
		out.WriteString("</testcase>\n")
		if i%50 == 49 || i == tests-1 {
			out.WriteString("</testsuite>\n")
		}
	}
	out.WriteString("</testsuites>\n")
	return out.Bytes()
}

// BenchmarkParse compares the reading of 10,000 tests with what encoding/xml
// takes to go over the same bytes, token by token and into structs.
func BenchmarkParse(b *testing.B) {
	text := large(10_000)
	b.Run("muster", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			n := 0
			if err := Parse(bytes.NewReader(text), DefaultLimits(), func(Test) error { n++; return nil }); err != nil || n != 10_000 {
				b.Fatal(n, err)
			}
		}
	})
	b.Run("encoding-xml-tokens", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			d := xml.NewDecoder(bytes.NewReader(text))
			for {
				if _, err := d.RawToken(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	b.Run("encoding-xml-decode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			var all struct {
				Suites []struct {
					Cases []struct {
						Name    string  `xml:"name,attr"`
						Class   string  `xml:"classname,attr"`
						File    string  `xml:"file,attr"`
						Time    float64 `xml:"time,attr"`
						Failure *struct {
							Message string `xml:"message,attr"`
							Text    string `xml:",chardata"`
						} `xml:"failure"`
					} `xml:"testcase"`
				} `xml:"testsuite"`
			}
			if err := xml.Unmarshal(text, &all); err != nil || len(all.Suites) != 200 {
				b.Fatal(len(all.Suites), err)
			}
		}
	})
}
