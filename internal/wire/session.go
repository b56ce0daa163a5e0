package wire

import (
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/store"
)

const headerSessionError = "MCP-Error" // tells a client's developer which of the two it is

func errSessionStore(err error) error {
	return &Refusal{
		Status: serviceUnavailable, Code: jsonrpc.InternalError, Reason: "session_store",
		Message: "sessions are unavailable, try again later", Internal: err,
	}
}

// session finds the session that the message names.
func (c *client) session(x *Exchange) (store.Session, error) {
	id, err := x.sessionID()
	if err != nil {
		return store.Session{}, err
	}
	if id == "" {
		x.setHeader(headerSessionError, "session-missing")
		return store.Session{}, refuse(badRequest, jsonrpc.InvalidRequest, "session_missing", "the Mcp-Session-Id header is missing: send initialize first")
	}
	return x.ownSession(id)
}

// keep keeps a session for all requests that will name it.
func (c *client) keep(x *Exchange, opened store.Session) error {
	if err := c.door.cfg.Sessions.Create(x.Context(), opened); err != nil {
		if errors.Is(err, store.ErrSessionLimit) {
			x.setHeader("Retry-After", "60")
		}
		return errSessionStore(err)
	}
	x.setHeader(headerSession, opened.ID)
	return nil
}

func (c *client) change(x *Exchange, change func(*store.Session)) error {
	if err := c.door.cfg.Sessions.Update(x.Context(), x.Session.ID, change); err != nil {
		return errSessionStore(err)
	}
	return nil
}

// sessionID is the session that the request names, "" when none.
func (x *Exchange) sessionID() (string, error) {
	id, single := x.one(headerSession)
	if !single {
		return "", refuse(badRequest, jsonrpc.InvalidRequest, "session_missing", "repeated Mcp-Session-Id header")
	}
	return id, nil
}

// ownSession finds a session of the caller. One of another principal does not exist for it.
func (x *Exchange) ownSession(id string) (store.Session, error) {
	session, err := x.door.cfg.Sessions.Get(x.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return session, errSessionStore(err)
	}
	if err != nil || session.Owner != x.Owner.Key() {
		x.setHeader(headerSessionError, "session-unknown")
		return session, refuse(notFound, jsonrpc.InvalidRequest, "session_unknown", "unknown session: send initialize again")
	}
	return session, nil
}

// maxCapabilities bounds what one session can make the server remember.
const maxCapabilities = 16 << 10

// Initialize opens a session and replies with its version and the rest of the result, from behind
// that on. (specification 2025-11-25, basic/lifecycle, section Initialization)
func (x *Exchange) Initialize(rest []byte) error {
	var params struct {
		ProtocolVersion string         `json:"protocolVersion"`
		Capabilities    jsontext.Value `json:"capabilities"`
		ClientInfo      struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"clientInfo"`
	}
	if err := json.Unmarshal(x.Message.Params, &params); err != nil || params.ProtocolVersion == "" {
		return &Refusal{Code: jsonrpc.InvalidParams, Message: "initialize needs params with a protocolVersion, capabilities and clientInfo"}
	}
	if len(params.Capabilities) > maxCapabilities {
		return &Refusal{Code: jsonrpc.InvalidParams, Message: "params.capabilities must be smaller than 16 KiB"}
	}
	version := params.ProtocolVersion
	if !slices.Contains(datedVersions, version) {
		version = datedVersions[0]
	}
	now := time.Now()
	session := store.Session{
		ID: rand.Text(), Owner: x.Owner.Key(), Protocol: version,
		ClientName: Clip(params.ClientInfo.Name, 128), ClientVersion: Clip(params.ClientInfo.Version, 64),
		Capabilities: slices.Clone(params.Capabilities), Created: now, Seen: now,
	}
	if session.Owner == "" {
		session.Network = x.peer.network().String()
	}
	if err := x.peer.keep(x, session); err != nil {
		return err
	}
	return x.Result([]byte(`{"protocolVersion":"`+version+`",`), rest)
}

// UpdateSession changes what the session of the message remembers; see [store.Sessions].
func (x *Exchange) UpdateSession(change func(*store.Session)) error {
	return x.peer.change(x, change)
}

// endSession ends the session that a request names, if it is one of its owner.
func (x *Exchange) endSession() error {
	id, err := x.sessionID()
	if err != nil || id == "" {
		return err
	}
	if _, err := x.ownSession(id); err != nil {
		return err
	}
	if err := x.door.cfg.Sessions.Delete(x.Context(), id); err != nil {
		return errSessionStore(err)
	}
	return nil
}
