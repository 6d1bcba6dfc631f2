// SPDX-License-Identifier: MPL-2.0

package junit

import "bytes"

// kind is what an element means to the reader.
type kind int

const (
	kindOther   kind = iota
	kindSuite        // may name a class and a file for what is in it
	kindCase         // a test
	kindOutcome      // of the test: its text is the message
	kindDetail       // part of an outcome's text, on lines of its own
	kindName         // TRX: where a test's class is written
)

// frame is an open element.
type frame struct {
	kind  kind
	name  int // where its name begins in names
	suite suite
}

// suite is what a suite says of its tests.
type suite struct{ name, file string }

// xmlReader goes through a file. One test is open at a time; elements in it
// that look like tests are not.
type xmlReader struct {
	s      *scanner
	limits Limits
	add    func(Test) error

	stack []frame
	names []byte // of the open elements, one after the other
	known bool   // an element of a known format was there

	format  string
	test    Test
	testAt  int // depth of the open test, 0 for none
	outcome int // depth of the open outcome, 0 for none
	message []byte
	// summary is where in message the open outcome's attribute begins and ends.
	summary [2]int
	classes classes
}

// parseXML reads any of the formats in XML.
func parseXML(in interface{ Read([]byte) (int, error) }, limits Limits, add func(Test) error) error {
	x := &xmlReader{s: newScanner(in, limits.Message), limits: limits, add: add}
	for {
		var err error
		switch x.s.next() {
		case tokenOpen:
			err = x.open()
		case tokenClose:
			err = x.close()
		case tokenText:
			x.collect()
		case tokenEnd:
			return x.finish()
		}
		if err != nil {
			return err
		}
	}
}

// open takes a start tag.
func (x *xmlReader) open() error {
	if len(x.stack) == x.limits.Depth {
		return errTooDeep(x.limits.Depth)
	}
	f := frame{name: len(x.names), suite: x.suite()}
	x.names = append(x.names, x.s.name...)
	depth := len(x.stack) + 1
	switch f.kind = x.meaning(string(x.s.name)); f.kind {
	case kindSuite:
		f.suite = x.openSuite(f.suite)
	case kindCase:
		x.testAt, x.message = depth, x.message[:0]
		x.test = x.openTest(f.suite)
	case kindOutcome:
		x.outcome = depth
		x.openOutcome()
	case kindDetail:
		x.endLine()
	case kindName:
		x.classes.read(string(x.s.name), x.s.attrs)
	case kindOther:
	}
	x.stack = append(x.stack, f)
	if x.s.empty {
		return x.pop()
	}
	return nil
}

// suite returns the innermost one.
func (x *xmlReader) suite() suite {
	if len(x.stack) == 0 {
		return suite{}
	}
	return x.stack[len(x.stack)-1].suite
}

// openSuite reads a suite's own words over those of the one around it.
func (x *xmlReader) openSuite(outer suite) suite {
	own := outer
	if name := line(x.attribute("name")); name != "" {
		own.name = name
	}
	for _, key := range []string{"file", "filepath"} {
		if file := x.attribute(key); len(file) > 0 {
			own.file = filePath(file)
		}
	}
	return own
}

// attribute returns the value of an attribute of the start tag.
func (x *xmlReader) attribute(names ...string) []byte {
	for _, name := range names {
		for _, a := range x.s.attrs {
			if string(a.name) == name {
				return a.value
			}
		}
	}
	return nil
}

// close takes an end tag. One that matches no open element is passed over; one
// that matches an outer element ends the inner ones too.
func (x *xmlReader) close() error {
	at := len(x.stack) - 1
	for at >= 0 && !bytes.Equal(x.nameOf(at), x.s.name) {
		at--
	}
	if at < 0 {
		return nil
	}
	for len(x.stack) > at {
		if err := x.pop(); err != nil {
			return err
		}
	}
	return nil
}

func (x *xmlReader) nameOf(at int) []byte {
	end := len(x.names)
	if at+1 < len(x.stack) {
		end = x.stack[at+1].name
	}
	return x.names[x.stack[at].name:end]
}

// pop ends the innermost element.
func (x *xmlReader) pop() error {
	depth := len(x.stack)
	f := x.stack[depth-1]
	x.stack, x.names = x.stack[:depth-1], x.names[:f.name]
	switch {
	case depth == x.outcome:
		x.outcome = 0
		x.closeOutcome()
	case depth == x.testAt:
		x.testAt = 0
		return x.endTest()
	}
	return nil
}

// collect takes text into the message, if it belongs to one.
func (x *xmlReader) collect() {
	if x.outcome == 0 {
		return
	}
	begin := len(x.message)
	room := x.limits.Message + maxEntity - begin
	if room <= 0 || x.s.text[0] == '\n' && len(bytes.TrimSpace(x.s.text)) == 0 && (begin == 0 || x.message[begin-1] == '\n') {
		return // full, or what stands between the elements of an outcome
	}
	x.message = append(x.message, x.s.text[:min(room, len(x.s.text))]...)
	if !x.s.cdata {
		x.message = x.message[:begin+len(unescape(x.message[begin:]))]
	}
}

// endLine makes what follows begin on a line of its own.
func (x *xmlReader) endLine() {
	if n := len(x.message); n > 0 && n < x.limits.Message && x.message[n-1] != '\n' {
		x.message = append(x.message, '\n')
	}
}

// finish takes the end of the file.
func (x *xmlReader) finish() error {
	if err := x.s.failure(); err != nil {
		return err
	}
	if err := x.classes.flush(x.add); err != nil {
		return err
	}
	switch {
	case !x.known:
		return ErrUnknown
	case len(x.stack) > 0:
		return errCutOff
	default:
		return nil
	}
}
