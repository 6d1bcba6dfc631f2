// SPDX-License-Identifier: MPL-2.0

package junit

import "strings"

// classes joins what TRX keeps apart: results name a test by its id, and its
// class stands in the definitions, which may come later. So the tests are held
// until the end of the file, as many as the limits allow.
type classes struct {
	used       bool
	id         string // of the open result
	definition string // of the open definition
	of         map[string]string
	tests      []Test
	ids        []string
	bytes      int // of the messages of tests
}

// read takes an element of the definitions: the test, or its method within.
func (c *classes) read(element string, attrs []attribute) {
	for _, a := range attrs {
		switch {
		case element == "UnitTest" && string(a.name) == "id":
			c.definition = line(a.value)
		case element == "TestMethod" && string(a.name) == "className":
			if c.of == nil {
				c.of = map[string]string{}
			}
			// Older tools add the assembly: "Shop.CartTest, Shop, Version=1.0".
			class, _, _ := strings.Cut(line(a.value), ",")
			if len(c.of) < maxClasses {
				c.of[c.definition] = class
			}
		}
	}
}

// What is held at most: definitions, and bytes of messages, beyond which only
// the first words of each are.
const (
	maxClasses = 200_000
	maxHeld    = 16 << 20
	firstWords = 200
)

func (c *classes) hold(t Test) {
	if c.bytes += len(t.Message); c.bytes > maxHeld {
		t.Message = clean([]byte(t.Message), firstWords, true)
	}
	c.tests, c.ids = append(c.tests, t), append(c.ids, c.id)
}

// flush hands on what was held.
func (c *classes) flush(add func(Test) error) error {
	for i, t := range c.tests {
		t.ClassName = c.of[c.ids[i]]
		if rest, ok := strings.CutPrefix(t.Name, t.ClassName+"."); ok && t.ClassName != "" {
			t.Name = rest
		}
		if err := add(t); err != nil {
			return err
		}
	}
	return nil
}
