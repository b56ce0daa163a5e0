package wire

// Local is a call that the program makes itself. It takes no place from clients, and a shutdown
// refuses it, waits for it and ends it as it does with theirs.
type Local struct {
	headers Headers
	visit   Visit // for its place in the list of what is served
}

// Begin makes what runs stoppable until End. It is refused once a shutdown has begun.
func (c *Local) Begin(d *Door, run Ender) error {
	l := &d.load
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.draining {
		return errDraining
	}
	c.visit.door, c.visit.slot.stop = d, run
	l.locals++
	l.link(&c.visit)
	return nil
}

// End is the end of what Begin began.
func (c *Local) End() {
	l := &c.visit.door.load
	l.mu.Lock()
	defer l.mu.Unlock()
	l.locals--
	l.unlink(&c.visit)
	c.visit.slot = slot{}
	l.rest()
}

// Stopped says whether a shutdown has ended what runs.
func (c *Local) Stopped() bool { return c.visit.Stopped() }

// Headers are those of the reply, which nobody reads.
func (c *Local) Headers() *Headers { return &c.headers }
