package binding

import (
	"reflect"
	"strconv"
	"strings"
)

// want names what a value must be, for messages: "an integer".
func (n *node) want() string {
	switch n.kind {
	case kindText:
		return "a string"
	case kindBool:
		return "true or false"
	case kindInt, kindUint:
		return "an integer"
	case kindFloat:
		return "a number"
	case kindStruct, kindMap:
		return "an object"
	case kindSlice, kindArray:
		return "an array"
	case kindPointer, kindOpt:
		return n.elem.want()
	case kindCustom:
		switch n.leaf {
		case leafNumber:
			return "a number"
		case leafTime, leafNullTime:
			return "a date-time such as 2006-01-02T15:04:05Z"
		case leafBytes:
			return "a base64 string"
		case leafText:
			return formOf(n.typ).want
		}
	case kindFormatted:
		if s := n.shape(false); s.Format != "" {
			return "a string in the form " + s.Format
		} else if s.Type == "string" && s.Pattern != "" {
			return "a number in a string"
		} else if s.Type == "number" {
			return "a number"
		} else if n.tag.format != "" {
			return "a value in the form " + n.tag.format
		}
	}
	return "a value in the right form for this argument"
}

// rangeText names the numbers that fit: "between -128 and 127".
func (n *node) rangeText() string {
	bits := n.typ.Bits()
	switch n.kind {
	case kindInt:
		limit := int64(1)<<(bits-1) - 1
		return "between " + strconv.FormatInt(-limit-1, 10) + " and " + strconv.FormatInt(limit, 10)
	case kindUint:
		return "between 0 and " + strconv.FormatUint(^uint64(0)>>(64-bits), 10)
	}
	return "a number that fits in " + strconv.Itoa(bits) + " bits"
}

func plural(n, noun string) string {
	if n == "1" {
		return n + " " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return n + " " + stem + "ies"
	}
	return n + " " + noun + "s"
}

// amount phrases a bound: of a number by its value, of anything else by its size.
func amount(verb, param string, k reflect.Kind) string {
	size := "must have " + verb + " "
	switch k {
	case reflect.String:
		return "must be " + verb + " " + plural(param, "character")
	case reflect.Slice, reflect.Array:
		return size + plural(param, "item")
	case reflect.Map:
		return size + plural(param, "entry")
	}
	return "must be " + verb + " " + param
}

// compare words that need a number, and what they mean for a time without one.
var comparisons = map[string]struct{ verb, time string }{
	"min": {"at least", "now or later"}, "gte": {"at least", "now or later"},
	"max": {"at most", "now or earlier"}, "lte": {"at most", "now or earlier"},
	"gt": {"more than", "in the future"}, "lt": {"less than", "in the past"},
	"len": {"exactly", ""},
}

// fixed messages of rules without a parameter.
var fixed = map[string]string{
	nonEmpty:           "must not be empty",
	"email":            "must be an email address",
	"url":              "must be a URL with a scheme such as https",
	"http_url":         "must be an http or https URL",
	"https_url":        "must be an https URL",
	"uri":              "must be a URI",
	"uuid":             "must be a UUID",
	"hostname":         "must be a host name",
	"ipv4":             "must be an IPv4 address",
	"ipv6":             "must be an IPv6 address",
	"ip":               "must be an IP address",
	"unique":           "must not hold the same value twice",
	"alpha":            "must hold letters a-z and A-Z only",
	"alphanum":         "must hold letters and digits only",
	"numeric":          "must be a number in decimal digits",
	"number":           "must hold digits only",
	"hexadecimal":      "must be hexadecimal",
	"lowercase":        "must be in lower case",
	"uppercase":        "must be in upper case",
	"boolean":          "must be a boolean such as true or false",
	"ascii":            "must hold ASCII characters only",
	"printascii":       "must hold printable ASCII characters only",
	"e164":             "must be a phone number such as +15551234567",
	"semver":           "must be a semantic version such as 1.2.3",
	"json":             "must be JSON text",
	"timezone":         "must be a time zone such as Europe/Berlin",
	"iso4217":          "must be a currency code such as EUR",
	"country_code":     "must be a country code such as DE",
	"iscolor":          "must be a color",
	"base64":           "must be base64 text",
	"hexcolor":         "must be a color such as #a0b1c2",
	"credit_card":      "must be a card number",
	"latitude":         "must be a latitude between -90 and 90",
	"longitude":        "must be a longitude between -180 and 180",
	"iso3166_1_alpha2": "must be a country code such as DE",
}

// with a parameter: text before and after it.
var parameterized = map[string]string{
	"eq": "must be %", "ne": "must not be %",
	"eq_ignore_case": "must be %, in any case", "ne_ignore_case": "must not be %",
	"startswith": `must start with "%"`, "endswith": `must end with "%"`, "contains": `must contain "%"`,
	"startsnotwith": `must not start with "%"`, "endsnotwith": `must not end with "%"`, "excludes": `must not contain "%"`,
	"containsany": `must contain one of the characters "%"`, "excludesall": `must contain none of the characters "%"`,
	"datetime": "must be a time in the form %", "unique": "must not hold the same % twice",
	"eqfield": "must be the same as %", "nefield": "must differ from %",
	"gtfield": "must be more than %", "gtefield": "must be at least %",
	"ltfield": "must be less than %", "ltefield": "must be at most %",
	"fieldcontains": "must contain %", "fieldexcludes": "must not contain %",
	"required_with": "is required with %", "required_with_all": "is required with %",
	"required_without": "is required without %", "required_without_all": "is required without %",
	"required_if": "is required when %", "required_unless": "is required unless %",
	"excluded_with": "must be left out with %", "excluded_with_all": "must be left out with %",
	"excluded_without": "must be left out without %", "excluded_without_all": "must be left out without %",
	"excluded_if": "must be left out when %", "excluded_unless": "must be left out unless %",
}

// message words a broken rule so that the reader can correct the value. names maps Go field names
// to argument names.
func message(tag, param string, k reflect.Kind, names map[string]string) string {
	if b, ok := comparisons[tag]; ok {
		if param == "" {
			return "must be " + b.time
		}
		return amount(b.verb, param, k)
	}
	switch tag {
	case "oneof", "oneofci":
		return "must be one of: " + strings.Join(choices(param), ", ")
	case "noneof", "noneofci":
		return "must be none of: " + strings.Join(choices(param), ", ")
	case "eq", "ne":
		switch k {
		case reflect.Slice, reflect.Array, reflect.Map:
			return amount(map[string]string{"eq": "exactly", "ne": "not"}[tag], param, k)
		}
	}
	if text, ok := fixed[tag]; ok && param == "" {
		return text
	}
	if text, ok := parameterized[strings.Replace(tag, "csfield", "field", 1)]; ok {
		return strings.Replace(text, "%", describeParam(tag, param, names), 1)
	}
	if param != "" {
		tag += "=" + param
	}
	return "must satisfy the rule " + tag
}

// describeParam replaces Go field names by argument names.
func describeParam(tag, param string, names map[string]string) string {
	rename := func(s string) string {
		if name, ok := names[s]; ok {
			return name
		}
		return s
	}
	words := strings.Fields(param)
	switch {
	case strings.HasSuffix(tag, "_if"), strings.HasSuffix(tag, "_unless"):
		words = choices(param)
		var out []string
		for i := 0; i+1 < len(words); i += 2 {
			out = append(out, rename(words[i])+" is "+words[i+1])
		}
		return strings.Join(out, " and ")
	case strings.Contains(tag, "_with"):
		for i := range words {
			words[i] = rename(words[i])
		}
		if strings.HasSuffix(tag, "_all") {
			return strings.Join(words, " and ")
		}
		return strings.Join(words, " or ")
	case strings.HasSuffix(tag, "field"):
		return rename(param)
	}
	return param
}

// choices splits the parameter of oneof: words, or phrases in single quotes.
func choices(param string) []string {
	var out []string
	for param = strings.TrimLeft(param, " \t"); param != ""; param = strings.TrimLeft(param, " \t") {
		if param[0] == '\'' {
			if end := strings.IndexByte(param[1:], '\''); end >= 0 {
				out, param = append(out, param[1:end+1]), param[end+2:]
				continue
			}
		}
		end := strings.IndexAny(param, " \t")
		if end < 0 {
			end = len(param)
		}
		out, param = append(out, strings.ReplaceAll(param[:end], "'", "")), param[end:]
	}
	return out
}
