package mcpecho

import (
	"log/slog"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/wire"
)

// reply replies with the finished items of the call.
func (c *Call) reply(member string, tail []byte) error {
	if c.exchange().Gone() {
		return c.leave()
	}
	r := c.exchange().Reply(member, len(c.answer.items)+len(tail))
	r.B = append(r.B, c.answer.items...)
	c.answer = answer{} // while the client takes its time, the message is all that is held of the result
	return r.Send(tail)
}

// leave ends a call that the client has given up.
func (c *Call) leave() error {
	c.server.cfg.Logger.Debug("mcpecho: the client left during a call", slog.String("spec", c.entry.name))
	return c.exchange().Leave()
}

// failEntry replies to a call of a resource, prompt or completion that ended with an error: the
// same causes are JSON-RPC errors there.
func (c *Call) failEntry(err error) error {
	if c.exchange().Gone() {
		return c.leave()
	}
	if c.hidden() {
		return c.hide(err)
	}
	f := c.explain(err).asProtocolError()
	c.logFailure(f, err)
	return c.fail(f)
}

// fail replies with a JSON-RPC error.
func (c *Call) fail(f failure) error {
	told, err := f.told()
	if err != nil {
		c.logFailure(f, err)
		if c.committed.Load() {
			told.Data = mustMarshal(withCommitted(nil))
		}
	}
	return c.exchange().Fail(told)
}

// told is the failure as the door sends it. Without its data, when these cannot be encoded.
func (f failure) told() (wire.Failure, error) {
	told := wire.Failure{Status: f.status, Code: f.code, Message: f.message, RetryAfter: f.retry, Hidden: f.ref != ""}
	if f.data == nil {
		return told, nil
	}
	data, err := binding.Marshal(f.data)
	if err == nil {
		told.Data = data
	}
	return told, err
}
