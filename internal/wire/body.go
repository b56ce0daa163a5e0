package wire

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strconv"

	"github.com/mcpecho/kit/internal/jsonrpc"
)

// readBody reads a body of at most Config.MaxBodyBytes, before and after it is inflated. length is
// -1 when unknown.
func (d *Door) readBody(body io.Reader, length int64, zipped bool) ([]byte, error) {
	limit := d.cfg.MaxBodyBytes
	if zipped {
		if length > limit {
			return nil, d.unread(jsonrpc.ErrTooLarge)
		}
		inflated, err := inflate(&bounded{body, limit})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil, d.unread(err)
		case err != nil:
			return nil, refuse(badRequest, jsonrpc.InvalidRequest, "body", "the body is not gzip")
		}
		body, length = inflated, -1
	}
	b, err := jsonrpc.ReadAll(body, length, limit)
	if err != nil {
		return nil, d.unread(err)
	}
	return b, nil
}

// unread is the answer to a body that could not be read.
func (d *Door) unread(err error) error {
	switch {
	case errors.Is(err, jsonrpc.ErrTooLarge):
		return refuse(contentTooLarge, jsonrpc.InvalidRequest, "body_size",
			"the body is larger than "+strconv.FormatInt(d.cfg.MaxBodyBytes, 10)+" bytes")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(requestTimeout, jsonrpc.InvalidRequest, "body_time",
			"the body took longer than "+d.cfg.BodyTimeout.String()+": send it at once")
	}
	return refuse(badRequest, jsonrpc.InvalidRequest, "body", "the body could not be read")
}

// bounded reads at most left bytes, because there are gzip bodies without an end that inflate to
// nothing.
type bounded struct {
	io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, jsonrpc.ErrTooLarge
	}
	n, err := b.Reader.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	return n, err
}

// inflate unpacks gzip, unless a middleware before has done so: its magic bytes cannot begin a JSON
// text.
func inflate(r io.Reader) (io.Reader, error) {
	b := bufio.NewReader(r)
	if magic, err := b.Peek(2); err == nil && (magic[0] != 0x1f || magic[1] != 0x8b) {
		return b, nil
	}
	return gzip.NewReader(b)
}
