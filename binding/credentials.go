package binding

import (
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// Credentials lists the fields of t that an encoded value shows and that look like credentials: a
// password, a token, an API key, a salt, a password hash. It goes by the names of the field in Go,
// in JSON and in the database, looks through relations at any depth, and leaves out fields that
// hold no text, are `json:"-"` or `secret:"true"`. A path names the fields on the way, for instance
// "Author.PasswordHash"; each type is looked at once.
func Credentials(t reflect.Type) []string {
	s := credentialSearch{seen: map[reflect.Type]bool{}}
	s.visit(t, "")
	return s.found
}

type credentialSearch struct {
	seen  map[reflect.Type]bool
	found []string
}

// visit looks breadth first, so that the shortest path names a type that can be reached in several
// ways.
func (s *credentialSearch) visit(t reflect.Type, prefix string) {
	type place struct {
		typ    reflect.Type
		prefix string
	}
	queue := []place{{t, prefix}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		typ := shownStruct(at.typ)
		if typ == nil || s.seen[typ] {
			continue
		}
		s.seen[typ] = true
		fields, _, err := flatten(typ)
		if err != nil {
			continue
		}
		for _, f := range fields {
			path := at.prefix + f.Name
			switch {
			case isSecret(f.Tag):
			case holdsText(f.Type) && looksLikeCredential(f):
				s.found = append(s.found, path)
			default:
				queue = append(queue, place{f.Type, path + "."})
			}
		}
	}
}

// shownStruct is the struct within pointers, lists and maps of t whose fields JSON shows, nil when
// there is none.
func shownStruct(t reflect.Type) reflect.Type {
	for {
		switch {
		case reflect.PointerTo(t).Implements(optionType):
			t = reflect.New(t).Interface().(option).elem()
		case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Array, t.Kind() == reflect.Map:
			t = t.Elem()
		case t.Kind() == reflect.Struct && !customJSON(t):
			return t
		default:
			return nil
		}
	}
}

// holdsText reports whether t can hold a credential: a text, bytes, a type that writes itself, such
// as sql.NullString, or a list of those. Numbers, booleans and times are no credentials, though
// their names may speak of one, as PasswordChangedAt does.
func holdsText(t reflect.Type) bool {
	for {
		switch {
		case t == timeType:
			return false
		case t.Kind() == reflect.String || t.Kind() == reflect.Interface:
			return true
		case (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8:
			return true
		case reflect.PointerTo(t).Implements(optionType):
			t = reflect.New(t).Interface().(option).elem()
		case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Array, t.Kind() == reflect.Map:
			t = t.Elem()
		case t.Kind() == reflect.Struct:
			return t.NumField() > 0 && t.NumField() <= 2 && holdsText(t.Field(0).Type) // sql.Null and its kin
		default:
			return false
		}
	}
}

func looksLikeCredential(f goField) bool {
	names := []string{f.Name, f.tag.name}
	for option := range strings.SplitSeq(f.Tag.Get("gorm"), ";") {
		if name, column, ok := strings.Cut(option, ":"); ok && strings.EqualFold(strings.TrimSpace(name), "column") {
			names = append(names, column)
		}
	}
	return slices.ContainsFunc(names, isCredentialName)
}

var (
	// credentialWords make a name that of a credential wherever they stand in it, unless it ends
	// with one of harmlessEnds.
	credentialWords = []string{
		"password", "passwd", "passphrase", "pwd", "secret", "secrets", "salt", "credential", "credentials",
		"otp", "totp", "cvv", "cvc",
	}
	// credentialKinds are the words that make a name ending in key that of a credential, as in
	// APIKey.
	credentialKinds = []string{
		"api", "private", "access", "signing", "encryption", "auth", "client", "hmac", "master", "ssh",
	}
	// harmlessEnds are the last words of names that only say something about a credential, as
	// PasswordHint.
	harmlessEnds = []string{
		"at", "on", "id", "hint", "policy", "count", "url", "uri", "type", "algorithm", "status", "name", "version",
	}
)

func isCredentialName(name string) bool {
	words := nameWords(name)
	if len(words) == 0 {
		return false
	}
	last, before := words[len(words)-1], words[:len(words)-1]
	if slices.Contains(harmlessEnds, last) {
		return false
	}
	if containsAny(words, credentialWords...) {
		return true
	}
	switch last {
	case "token", "hash":
		// A hash of something else that the name says, such as CommitHash, is not a credential.
		return last == "token" && !slices.Contains(before, "page") || len(before) == 0 ||
			containsAny(before, "pass", "pw", "pin", "key", "token")
	case "key", "keys":
		return containsAny(before, credentialKinds...)
	case "apikey", "apikeys", "privatekey", "accesstoken", "refreshtoken", "authtoken", "passhash", "passwordhash", "pin", "digest":
		return last != "pin" && last != "digest" || len(before) == 0
	case "tokens", "codes":
		return containsAny(before, "recovery", "backup", "refresh", "access")
	}
	return false
}

func containsAny(words []string, wanted ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(wanted, w) })
}

// nameWords splits a name at separators and at changes of case: APIKey is api and key.
func nameWords(name string) []string {
	var words []string
	runes := []rune(name)
	start := 0
	cut := func(end int) {
		if end > start {
			words = append(words, strings.ToLower(string(runes[start:end])))
		}
		start = end
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			cut(i)
			start = i + 1
		case i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			cut(i)
		}
	}
	cut(len(runes))
	return words
}
