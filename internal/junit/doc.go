// SPDX-License-Identifier: MPL-2.0

// Package junit reads files of test results: the XML that is called JUnit's, in
// the dialects in which tools write it, and some formats beside it.
//
//	JUnit XML   Maven Surefire, Gradle, pytest, jest-junit, mocha, RSpec,
//	            minitest, go-junit-report, gotestsum, PHPUnit, GoogleTest, CTest,
//	            Bazel, Playwright and many more
//	NUnit 2, 3  <test-case> in <test-suite>
//	xUnit.net   <test> in <assembly> and <collection>
//	TRX         <UnitTestResult> of Visual Studio, vstest and MSTest
//	Cucumber    JSON: features with elements
//
// There is no standard, so that the reader is tolerant where a strict one would
// lose results: bytes and characters that XML forbids, escape sequences of
// terminals, undeclared or wrongly declared encodings, end tags that do not
// match, a file that ends in the middle because its writer was killed.
//
// What comes from a build is hostile until shown otherwise. The XML is not
// parsed into a tree: a scanner (scan.go) goes over it once, in memory that the
// limits bound, whatever the size of the file. It knows no DTD and no entities
// but the five of XML and numbers, so that there is nothing to expand and
// nothing to fetch.
package junit
