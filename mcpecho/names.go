package mcpecho

import (
	"fmt"
	"strings"
)

// ToolNames says how clients see the names of tools and prompts.
type ToolNames uint8

const (
	// NamesPortable lists names with an underscore for every character outside of [A-Za-z0-9_-]:
	// invoices.list is listed, and called, as invoices_list. The specification allows dots, but
	// several model APIs refuse them, and some clients then drop every tool of the server.
	NamesPortable ToolNames = iota
	// NamesAsWritten lists names as the program writes them.
	NamesAsWritten
)

const (
	// maxPortableName is the longest tool name that all model APIs take.
	maxPortableName = 64
	// maxWrittenName is the rule of the specification. (2026-07-28, server/tools, section Tool
	// Names)
	maxWrittenName = 128
	// roomyName is the longest name that still fits in [maxPortableName] behind the prefix that a
	// client makes of a server's name.
	roomyName = 45
)

// list is the name that clients see and call.
func (n ToolNames) list(name string) string {
	if n == NamesAsWritten {
		return name
	}
	return strings.Map(func(r rune) rune {
		if isNameRune(r) && r != '.' {
			return r
		}
		return '_'
	}, name)
}

// ListedName is the name by which clients see and call the tool or prompt that the program calls
// name; see [Config.ToolNames]. It looks at the letters only: name need not exist.
func (s *Server) ListedName(name string) string { return s.cfg.ToolNames.list(name) }

// checkName enforces the name rule of the specification (2026-07-28, server/tools, section Tool
// Names), which it states as SHOULD, and the shorter length of portable names.
func (n ToolNames) check(name string) error {
	bad := strings.ContainsFunc(name, func(r rune) bool { return !isNameRune(r) })
	if bad || name == "" || len(name) > maxWrittenName {
		return fmt.Errorf("name %q must be 1 to %d ASCII letters, digits, dots, hyphens and underscores", name, maxWrittenName)
	}
	if n == NamesPortable && len(name) > maxPortableName {
		return fmt.Errorf("name %q has %d characters, and model APIs take %d: shorten it, or its group's prefix", name, len(name), maxPortableName)
	}
	return nil
}

func isNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' || r == '.'
}

// joinName puts a dot between the prefix of a group and what stands in it.
func joinName(prefix, name string) string {
	if prefix == "" || name == "" || strings.HasSuffix(prefix, ".") {
		return prefix + name
	}
	return prefix + "." + name
}

// Name gives a resource a name of its own, as "invoice", which the group's prefix goes before.
// Clients show it, and it is what [Call.Name], logs and limits call the resource. Default: the name
// of the spec that [Spec.AsResource] publishes, the URI or URI template of a [Resource]. Tools and
// prompts have the name that they are made with.
func Name(name string) Option {
	return optionFunc(func(s *settings) {
		if err := NamesAsWritten.check(name); err != nil {
			s.errs = append(s.errs, err.Error())
		}
		s.name = name
	})
}
