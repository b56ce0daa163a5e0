package mcpecho

// ServeLines is [Server.ServeStdio] on any streams.
var ServeLines = (*Server).serveLines
