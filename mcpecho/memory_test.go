package mcpecho_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/mcpecho/kit/mcpecho"
)

// What a handler keeps of its call, against the rules or because a middleware
// returned before it had ended, must not become what another caller sent.
func TestWhatAHandlerKeepsOfItsCallIsNeverOverwrittenByAnotherRequest(t *testing.T) {
	b := setup(t)
	var mu sync.Mutex
	kept := map[string][]byte{} // what the arguments were, and the memory they are in
	b.srv.Add(mcpecho.Service("keep", func(c *mcpecho.Call, in struct {
		Text string `json:"text"`
	}) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		kept[fmt.Sprintf(`{"text":%q}`, in.Text)] = c.Arguments()
		kept[string(c.ClientCapabilities())+in.Text] = append(c.ClientCapabilities(), in.Text...)
		return in.Text, nil
	}))
	session := b.initialize()
	for i := range 50 {
		text := fmt.Sprintf("caller-%04d", i)
		if r := b.call("keep", fmt.Sprintf(`{"text":%q}`, text)); r.text() != text {
			t.Fatalf("%d %s", r.Status, r.Body)
		}
		b.dated(session, "tools/call", fmt.Sprintf(`"name":"keep","arguments":{"text":"dated-%04d"}`, i))
	}
	if len(kept) != 200 {
		t.Fatalf("%d calls were kept", len(kept)/2)
	}
	for want, memory := range kept {
		if string(memory) != want {
			t.Errorf("the arguments %s of a call became %s", want, memory)
		}
	}
}

// The capabilities of equal requests are decoded once: what one handler does
// to its copy is not seen by the next.
func TestWhatAHandlerWritesIntoItsCapabilitiesStaysItsOwn(t *testing.T) {
	b := setup(t)
	b.srv.Add(mcpecho.Service("scribble", func(c *mcpecho.Call, _ none) (string, error) {
		seen := string(c.ClientCapabilities())
		copy(c.ClientCapabilities(), "XX")
		return seen, nil
	}))
	session := b.initialize()
	for range 5 {
		if r := b.call("scribble", `{}`); r.text() != "{}" {
			t.Errorf("modern: capabilities %s", r.text())
		}
		if r := b.dated(session, "tools/call", `"name":"scribble"`); r.text() != "{}" {
			t.Errorf("dated: capabilities %s", r.text())
		}
	}
}
