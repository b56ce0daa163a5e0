// Package hostile attacks a whole server: every request that it must refuse, with the exact answer
// (the golden files in testdata), two callers who try each other's handles, secrets that must not
// come out anywhere, and fuzz targets for everything that a client sends.
package hostile
