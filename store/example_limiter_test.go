package store_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mcpecho/kit/store"
)

// A refusal says how long to wait.
func ExampleLimiter() {
	ctx := context.Background()
	now := func() time.Time { return time.Unix(1_800_000_000, 0) } // the clock stands still

	limiter := store.NewMemoryLimiter(store.MemoryLimiterConfig{Now: now})
	policy := store.TokenBucket{Rate: 1, Burst: 2}
	for range 3 {
		wait, err := limiter.Take(ctx, "search", policy, "user ann", 1)
		fmt.Println(wait, err)
	}

	wait, err := limiter.Take(ctx, "search", policy, store.Anonymous+"192.0.2.1", 1)
	fmt.Println(wait, err)
	// Output:
	// 0s <nil>
	// 0s <nil>
	// 1s <nil>
	// 0s <nil>
}

// Numbers that make no sense are refused with the fix.
func ExamplePolicy() {
	err := store.FixedWindow{Max: 100}.Validate()
	fmt.Println(err)
	// Output:
	// store: a window of 100 in 0s: make Max at least 1 and Per at least 1ms
}
