package mcpecho

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/internal/jsonrpc"
	"github.com/mcpecho/kit/store"
)

const headerSessionError = "MCP-Error" // tells a client's developer which of the two it is

func errSessionStore(err error) error {
	return &Error{Code: jsonrpc.InternalError, Message: "sessions are unavailable, try again later", Internal: err, status: http.StatusServiceUnavailable, reason: "session_store"}
}

// joinSession checks the session of a dated message.
// (specification 2025-11-25, basic/transports, section Session Management)
func (x *exchange) joinSession() error {
	if x.wire == modern || x.msg.Method == "initialize" {
		return nil
	}
	id, err := x.sessionID()
	if err != nil {
		return err
	}
	if id == "" {
		x.ec.Response().Header().Set(headerSessionError, "session-missing")
		return refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "session_missing", "the Mcp-Session-Id header is missing: send initialize first")
	}
	session, err := x.ownSession(id)
	if err != nil {
		return err
	}
	x.session = session
	return nil
}

// sessionID is the session that the request names, "" when none.
func (x *exchange) sessionID() (string, error) {
	id, single := one(x.request.Header, headerSession)
	if !single {
		return "", refuse(http.StatusBadRequest, jsonrpc.InvalidRequest, "session_missing", "repeated Mcp-Session-Id header")
	}
	return id, nil
}

// ownSession finds a session of the caller. One of another principal does
// not exist for it.
func (x *exchange) ownSession(id string) (store.Session, error) {
	session, err := x.server.cfg.Sessions.Get(x.request.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return session, errSessionStore(err)
	}
	if err != nil || session.Owner != x.principal.Key() {
		x.ec.Response().Header().Set(headerSessionError, "session-unknown")
		return session, refuse(http.StatusNotFound, jsonrpc.InvalidRequest, "session_unknown", "unknown session: send initialize again")
	}
	return session, nil
}

// maxCapabilities bounds what one session can make the server remember.
const maxCapabilities = 16 << 10

// initialize opens a session.
// (specification 2025-11-25, basic/lifecycle, section Initialization)
func (x *exchange) initialize() error {
	var params struct {
		ProtocolVersion string         `json:"protocolVersion"`
		Capabilities    jsontext.Value `json:"capabilities"`
		ClientInfo      struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"clientInfo"`
	}
	if err := json.Unmarshal(x.msg.Params, &params); err != nil || params.ProtocolVersion == "" {
		return &Error{Code: jsonrpc.InvalidParams, Message: "initialize needs params with a protocolVersion, capabilities and clientInfo"}
	}
	if len(params.Capabilities) > maxCapabilities {
		return &Error{Code: jsonrpc.InvalidParams, Message: "params.capabilities must be smaller than 16 KiB"}
	}
	version := params.ProtocolVersion
	if !slices.Contains(datedVersions, version) {
		version = datedVersions[0]
	}
	now := time.Now()
	session := store.Session{
		ID: rand.Text(), Owner: x.principal.Key(), Protocol: version,
		ClientName: clip(params.ClientInfo.Name, 128), ClientVersion: clip(params.ClientInfo.Version, 64),
		Capabilities: slices.Clone(params.Capabilities), Created: now, Seen: now,
	}
	if x.principal == nil {
		session.Network = networkOf(x.ec).String()
	}
	if err := x.server.cfg.Sessions.Create(x.request.Context(), session); err != nil {
		if errors.Is(err, store.ErrSessionLimit) {
			x.ec.Response().Header().Set("Retry-After", "60")
		}
		return errSessionStore(err)
	}
	x.ec.Response().Header().Set(headerSession, session.ID)
	return x.result([]byte(`{"protocolVersion":"`+version+`",`), x.server.registry.Load().initialize)
}
