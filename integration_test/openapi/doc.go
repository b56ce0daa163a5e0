// Package openapi holds the OpenAPI document of a server to what a maintained validator says of it,
// of requests and of replies. It is a module of its own, so that users of the toolkit do not get
// the validator's dependencies.
package openapi
