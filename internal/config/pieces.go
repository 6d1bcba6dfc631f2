// SPDX-License-Identifier: MPL-2.0

package config

import "github.com/muster-ci/muster/internal/config/expression"

// PieceKind says what a piece of a text is.
type PieceKind uint8

// The kinds of pieces.
const (
	PieceText      PieceKind = iota // what it says
	PieceReference                  // << >>
	PieceSection                    // <<# >>: Inner, when the value is true
	PieceInverted                   // <<^ >>: Inner, when it is not
)

// Piece is a part of a text with << >> in it, for those who write configs in
// another language.
type Piece struct {
	Kind PieceKind
	// Text is the text itself, the source of a reference, or the name of a
	// section.
	Text string
	// Expression of a reference; nil for a name that holds characters which no
	// expression has.
	Expression *expression.Expression
	Inner      []Piece
}

// Pieces cuts a text at its tags; false when they are not right.
func Pieces(text string) ([]Piece, bool) {
	t := cut(text, expression.Parse)
	if t.failure != nil {
		return nil, false
	}
	return pieces(t.blocks)
}

func pieces(blocks []block) ([]Piece, bool) {
	list := make([]Piece, 0, len(blocks))
	for _, b := range blocks {
		if b.failure != nil {
			return nil, false
		}
		inner, ok := pieces(b.inner)
		if !ok {
			return nil, false
		}
		list = append(list, Piece{Kind: PieceKind(b.kind), Text: b.text, Expression: b.expression, Inner: inner})
	}
	return list, true
}
