// Package storetest holds the contract of package store as tests, for every implementation to run.
package storetest
