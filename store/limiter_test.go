package store_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/mcpecho/kit/store"
)

func TestPoliciesRefuseNumbersThatMakeNoSense(t *testing.T) {
	for _, tc := range []struct {
		policy store.Policy
		want   string // of the error; "" for none
	}{
		{store.TokenBucket{Rate: 0.001, Burst: 1}, ""},
		{store.TokenBucket{Burst: 1}, "make Rate positive"},
		{store.TokenBucket{Rate: -1, Burst: 1}, "make Rate positive"},
		{store.TokenBucket{Rate: math.NaN(), Burst: 1}, "make Rate positive"},
		{store.TokenBucket{Rate: math.Inf(1), Burst: 1}, "make Rate positive"},
		{store.TokenBucket{Rate: math.MaxFloat64, Burst: 1}, "make Rate positive"},
		{store.TokenBucket{Rate: 1}, "make Burst at least 1"},
		{store.TokenBucket{Rate: 1, Burst: -1}, "make Burst at least 1"},
		{store.FixedWindow{Max: 1, Per: time.Millisecond}, ""},
		{store.FixedWindow{Per: time.Second}, "make Max at least 1"},
		{store.FixedWindow{Max: 1}, "Per at least 1ms"},
		{store.FixedWindow{Max: 1, Per: -time.Second}, "Per at least 1ms"},
		{store.SlidingWindow{Max: 1, Per: time.Hour}, ""},
		{store.SlidingWindow{Max: -1, Per: time.Hour}, "make Max at least 1"},
		{store.SlidingWindow{Max: 1, Per: time.Microsecond}, "Per at least 1ms"},
	} {
		err := tc.policy.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%T%+v: %v, want %q", tc.policy, tc.policy, err, tc.want)
		}
	}
}

func TestPoliciesSayWhenAKeyIsAsNew(t *testing.T) {
	for _, tc := range []struct {
		policy store.Policy
		most   int
		full   time.Duration
	}{
		{store.TokenBucket{Rate: 2, Burst: 5}, 5, 2500 * time.Millisecond},
		{store.TokenBucket{Rate: 1e-300, Burst: 1}, 1, 1 << 62},
		{store.FixedWindow{Max: 3, Per: time.Minute}, 3, time.Minute},
		{store.SlidingWindow{Max: 3, Per: 64 * time.Second}, 3, 65 * time.Second},
	} {
		if most, full := tc.policy.Most(), tc.policy.Full(); most != tc.most || full != tc.full {
			t.Errorf("%T%+v: %d, %s, want %d, %s", tc.policy, tc.policy, most, full, tc.most, tc.full)
		}
	}
}
