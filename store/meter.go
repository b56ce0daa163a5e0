package store

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/time/rate"
)

// meter counts what one key takes. Times never go back.
type meter interface {
	// take takes n, or returns how long until it could.
	take(now time.Duration, n int) (wait time.Duration)
}

func newMeter(policy Policy) meter {
	switch p := policy.(type) {
	case TokenBucket:
		return (*tokenBucket)(rate.NewLimiter(rate.Limit(p.Rate), p.Burst))
	case FixedWindow:
		return &fixedWindow{FixedWindow: p}
	case SlidingWindow:
		return &slidingWindow{SlidingWindow: p}
	}
	panic(fmt.Sprintf("store: %T is not a policy: use TokenBucket, FixedWindow or SlidingWindow, not a pointer to one", policy))
}

type tokenBucket rate.Limiter

func (b *tokenBucket) take(now time.Duration, n int) time.Duration {
	at := time.Unix(0, int64(now))
	r := (*rate.Limiter)(b).ReserveN(at, n)
	wait := r.DelayFrom(at)
	if wait > 0 {
		r.CancelAt(at)
	}
	return wait
}

// fixedWindow begins with the first take of the key. If the windows of all keys ended at the same
// time, all callers would come at once.
type fixedWindow struct {
	FixedWindow
	began time.Duration
	taken int
}

func (w *fixedWindow) take(now time.Duration, n int) time.Duration {
	if w.taken == 0 || now-w.began >= w.Per {
		w.began, w.taken = now, 0
	}
	if w.taken+n > w.Max {
		return w.began + w.Per - now
	}
	w.taken += n
	return 0
}

// slidingWindow remembers up to maxRuns takes. When Max is above that, takes close to each other
// count as one, at the time of the last. So a key may be refused for a little longer, but never
// takes more than Max.
type slidingWindow struct {
	SlidingWindow
	runs  []run // in the order of time
	taken int   // in all runs
}

type run struct {
	began, last time.Duration
	n           int
}

const maxRuns = 64

func (w *slidingWindow) take(now time.Duration, n int) time.Duration {
	gone := 0
	for gone < len(w.runs) && now-w.runs[gone].last >= w.Per {
		w.taken -= w.runs[gone].n
		gone++
	}
	w.runs = slices.Delete(w.runs, 0, gone)
	if inTheWay := w.taken + n - w.Max; inTheWay > 0 {
		i := 0
		for ; inTheWay > w.runs[i].n; i++ {
			inTheWay -= w.runs[i].n
		}
		return w.runs[i].last + w.Per - now
	}
	w.taken += n
	if last := len(w.runs) - 1; last >= 0 && w.Max > maxRuns && now-w.runs[last].began < w.Per/maxRuns {
		w.runs[last].last = now
		w.runs[last].n += n
		return 0
	}
	w.runs = append(w.runs, run{began: now, last: now, n: n})
	return 0
}
