// Command quickstart is the program of the README: a list of tasks as an MCP server.
package main
