package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrTake means that Take was asked for less than one, or for more than the policy ever has.
var ErrTake = errors.New("store: a limiter gives at least 1 and at most Policy.Most at once: " +
	"take less or raise the limit")

// Anonymous is the prefix of the keys of callers that nobody has verified, such as network
// addresses. One caller can have any number of them, so a Limiter of bounded memory keeps them
// apart from all other keys.
const Anonymous = "address "

// Limiter counts what callers take against limits.
type Limiter interface {
	// Take takes n of what the limit called name allows key, all of it or nothing. It returns 0
	// when it took n. Otherwise it took nothing and returns how long until n could be had if nobody
	// else took any: whole milliseconds, rounded up, at least 1.
	//
	// Counts belong to the name, the policy and the key together: limits of different names share
	// nothing, and one whose policy has changed starts afresh. It returns ErrTake when n is not in
	// 1..policy.Most(), the error of policy.Validate, and an error of its own when it cannot count;
	// it gives up when ctx ends.
	Take(ctx context.Context, name string, policy Policy, key string, n int) (wait time.Duration, err error)
}

// Policy says how much a key may take: a TokenBucket, a FixedWindow or a SlidingWindow. Only this
// package can make new kinds, so a Limiter can know them all.
type Policy interface {
	// Validate says what is wrong with the numbers.
	Validate() error
	// Most is how much a key can take at once when it has taken nothing before.
	Most() int
	// Full is how long after its last take a key may again take Most. A Limiter may forget the key
	// then, but not earlier.
	Full() time.Duration

	sealed()
}

// TokenBucket allows Rate a second in the long run and Burst at once.
type TokenBucket struct {
	// Rate is what comes back per second, below 1 for less than one. Required.
	Rate float64
	// Burst is how much a key may take at once when it has taken nothing for a while. Required.
	Burst int
}

// FixedWindow allows Max in a window of time, which begins with the first take and is followed by a
// fresh one. It needs the least memory of the three, but it allows twice Max in a short time: at
// the end of one window and the beginning of the next.
type FixedWindow struct {
	// Max is how much a key may take in one window. Required.
	Max int
	// Per is how long a window is. Required, at least a millisecond.
	Per time.Duration
}

// SlidingWindow allows no more than Max in any stretch of Per, wherever it begins. To remember
// little a Limiter may count what was taken up to Per/64 longer than Per, when Max is above 64;
// never shorter.
type SlidingWindow struct {
	// Max is how much a key may take in any stretch of Per. Required.
	Max int
	// Per is how long what was taken counts. Required, at least a millisecond.
	Per time.Duration
}

// Validate implements Policy.
func (p TokenBucket) Validate() error {
	if !(p.Rate > 0) || p.Rate >= math.MaxFloat64 {
		return fmt.Errorf("store: a token bucket of %v a second: make Rate positive and finite", p.Rate)
	}
	if p.Burst < 1 {
		return fmt.Errorf("store: a token bucket with a burst of %d: make Burst at least 1", p.Burst)
	}
	return nil
}

// Validate implements Policy.
func (p FixedWindow) Validate() error { return validateWindow(p.Max, p.Per) }

// Validate implements Policy.
func (p SlidingWindow) Validate() error { return validateWindow(p.Max, p.Per) }

func validateWindow(most int, per time.Duration) error {
	if most < 1 || per < time.Millisecond {
		return fmt.Errorf("store: a window of %d in %s: make Max at least 1 and Per at least 1ms", most, per)
	}
	return nil
}

// Most implements Policy.
func (p TokenBucket) Most() int { return p.Burst }

// Most implements Policy.
func (p FixedWindow) Most() int { return p.Max }

// Most implements Policy.
func (p SlidingWindow) Most() int { return p.Max }

// Full implements Policy.
func (p TokenBucket) Full() time.Duration {
	return time.Duration(min(math.Ceil(float64(p.Burst)/p.Rate*float64(time.Second)), 1<<62))
}

// Full implements Policy.
func (p FixedWindow) Full() time.Duration { return p.Per }

// Full implements Policy.
func (p SlidingWindow) Full() time.Duration { return p.Per + p.Per/64 }

func (TokenBucket) sealed()   {}
func (FixedWindow) sealed()   {}
func (SlidingWindow) sealed() {}
