package mcpecho

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/mcpecho/kit/binding"
	"github.com/mcpecho/kit/internal/openapi"
)

// bearerJWT is how callers authenticate where the configuration does not say it.
var bearerJWT = map[string]any{"bearer": map[string]string{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}

func (cfg *Config) securitySchemes() map[string]any {
	if cfg.SecuritySchemes == nil {
		return bearerJWT
	}
	return cfg.SecuritySchemes
}

var schemeName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// schemeMembers are what a security scheme of each type must have. (OpenAPI 3.1.1 section 4.8.27)
var schemeMembers = map[string][]string{
	"http": {"scheme"}, "apiKey": {"name", "in"}, "oauth2": {"flows"}, "openIdConnect": {"openIdConnectUrl"}, "mutualTLS": nil,
}

// checkSecuritySchemes refuses what is no security scheme of OpenAPI.
func checkSecuritySchemes(schemes map[string]any) error {
	for name, scheme := range schemes {
		if !schemeName.MatchString(name) {
			return fmt.Errorf("mcpecho: Config.SecuritySchemes: the name %q must be ASCII letters, digits, dots, hyphens and underscores", name)
		}
		raw, err := binding.Marshal(scheme)
		var members map[string]jsontext.Value
		var kind string
		if err == nil {
			err = json.Unmarshal(raw, &members)
		}
		if err == nil {
			err = json.Unmarshal(members["type"], &kind)
		}
		required, known := schemeMembers[kind]
		if err != nil || !known {
			return fmt.Errorf("mcpecho: Config.SecuritySchemes: %q must be an object whose type is http, apiKey, oauth2, openIdConnect or mutualTLS", name)
		}
		for _, member := range required {
			if members[member] == nil {
				return fmt.Errorf("mcpecho: Config.SecuritySchemes: %q is of type %s and lacks the member %q", name, kind, member)
			}
		}
	}
	return nil
}

// security says what a caller needs: one of the schemes, with one of the sets of scopes.
func (d *apiDocument) security(e *entry) (needs []openapi.Requirement) {
	asks := d.authenticated || slices.ContainsFunc(e.chain.steps, func(s Step) bool { return s.decides() && !s.states() })
	if !asks {
		return nil
	}
	scopes := e.scopes
	if scopes == nil {
		scopes = [][]string{{}}
	}
	for _, name := range slices.Sorted(maps.Keys(d.SecuritySchemes)) {
		for _, set := range scopes {
			needs = append(needs, openapi.Requirement{name: set})
		}
	}
	return needs
}
