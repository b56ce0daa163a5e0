// Package binding turns untrusted JSON arguments into Go structs, and Go structs into JSON Schema.
package binding
