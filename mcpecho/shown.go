package mcpecho

import (
	"slices"
	"strings"
	"unicode"

	"github.com/google/jsonschema-go/jsonschema"
)

// credentials are the names of properties of a result that look as if they held a credential: what
// is often shown by mistake, when a gorm model is the result.
func credentials(result *jsonschema.Schema) (names []string) {
	seen := map[*jsonschema.Schema]bool{}
	var walk func(s *jsonschema.Schema)
	walk = func(s *jsonschema.Schema) {
		if s == nil || seen[s] {
			return
		}
		seen[s] = true
		for name, property := range s.Properties {
			if looksSecret(name) && holdsText(property) && !slices.Contains(names, name) {
				names = append(names, name)
			}
			walk(property)
		}
		for _, inner := range s.Defs {
			walk(inner)
		}
		for _, inner := range slices.Concat(s.AnyOf, s.AllOf, s.OneOf, s.PrefixItems) {
			walk(inner)
		}
		walk(s.Items)
		walk(s.AdditionalProperties)
	}
	walk(result)
	slices.Sort(names)
	return names
}

// holdsText says whether the value may be a text: a flag or a count is no credential.
func holdsText(s *jsonschema.Schema) bool {
	return s == nil || s.Type == "" && len(s.Types) == 0 || s.Type == "string" || s.Type == "array" || slices.Contains(s.Types, "string")
}

// looksSecret looks at the words of a name, in snake_case and camelCase alike.
func looksSecret(name string) bool {
	words := wordsOf(name)
	for i, word := range words {
		switch word {
		case "password", "passwords", "passwd", "pwd", "passphrase", "secret", "secrets", "credential", "credentials", "apikey":
			return true
		case "token":
			return i == len(words)-1 && (i == 0 || words[i-1] != "page")
		case "hash", "salt", "otp", "totp":
			return len(words) == 1
		case "key":
			return i > 0 && slices.Contains([]string{"api", "private", "access", "signing", "encryption"}, words[i-1])
		}
	}
	return false
}

func wordsOf(name string) (words []string) {
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, strings.ToLower(string(word)))
		}
		word = nil
	}
	runes := []rune(name)
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			end()
			continue
		}
		// APIKey is API and Key, apiKey is api and Key.
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			end()
		}
		word = append(word, r)
	}
	end()
	return words
}
