//go:build race

package mcpecho

// raceDetector says whether the tests run with it: it makes pools forget what they hold.
const raceDetector = true
