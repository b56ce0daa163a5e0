package wire

import (
	"bufio"
	"bytes"
	"errors"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

const whiteSpace = " \t\r\n" // of JSON

// inputLine is a line of a client. Of one that is too long only the id is kept, so that its request
// can be answered: on lines nothing else says which one was refused.
type inputLine struct {
	text    []byte
	tooLong bool
	id      []byte
}

// readLine reads a line without the white space around it, in memory of its own. One that is longer
// than limit is read to its end.
func readLine(b *bufio.Reader, limit int64) (line inputLine, err error) {
	var id idFinder
	for {
		var part []byte
		part, err = b.ReadSlice('\n')
		if line.tooLong {
			id.read(part)
		} else {
			line.text = append(line.text, part...)
		}
		ended := !errors.Is(err, bufio.ErrBufferFull)
		if ended {
			line.text = bytes.Trim(line.text, whiteSpace)
		}
		if int64(len(bytes.TrimRight(line.text, "\r\n"))) > limit {
			id.read(line.text)
			line.text, line.tooLong = nil, true
		}
		if ended {
			line.id = id.found()
			return line, err
		}
	}
}

// idFinder finds the id of a message that is read in parts and not kept.
type idFinder struct {
	depth           int
	quoted, escaped bool
	object          bool   // the message is one
	member          []byte // of the message, as far as it can be its id
	id              []byte
	ids             int
}

// maxIDMember is more than a member that is an id can have, but for white space.
const maxIDMember = 512

func (f *idFinder) read(part []byte) {
	for _, c := range part {
		switch {
		case f.escaped:
			f.escaped = false
		case f.quoted && c == '\\':
			f.escaped = true
		case c == '"':
			f.quoted = !f.quoted
		case f.quoted:
		case c == '{' || c == '[':
			if f.depth++; f.depth == 1 {
				f.object = c == '{'
				continue
			}
		case c == ',' && f.depth == 1:
			f.ended()
			continue
		case c == '}' || c == ']':
			if f.depth--; f.depth == 0 {
				f.ended()
				continue
			}
		}
		if f.depth > 0 && len(f.member) < maxIDMember {
			f.member = append(f.member, c)
		}
	}
}

// ended looks at a member of the message that has been read.
func (f *idFinder) ended() {
	name, value, _ := bytes.Cut(f.member, []byte{':'})
	if string(bytes.Trim(name, whiteSpace)) == `"id"` && len(f.member) < maxIDMember {
		f.id = bytes.Clone(value)
		f.ids++
	}
	f.member = f.member[:0]
}

// found is the id, nil if there is none or it is not one.
func (f *idFinder) found() []byte {
	if !f.object || f.ids != 1 {
		return nil
	}
	var m jsonrpc.Message
	if jsonrpc.Parse(append(append([]byte(`{"jsonrpc":"2.0","method":"x","id":`), f.id...), '}'), &m) != nil {
		return nil
	}
	return m.ID
}
