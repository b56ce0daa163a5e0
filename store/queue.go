package store

// element is what a queue orders.
type element[T any] interface {
	// before reports whether it comes before other, by what both knew when they last looked.
	before(other T) bool
	// look brings up to date what before compares, and reports whether it already was.
	look() bool
	// moved tells it its new index in the queue.
	moved(to int)
}

// queue finds the first of its elements. A use of an element, which nobody tells the queue of, only
// moves the element back. So each stands where it belonged when it last looked, and first makes the
// one in front look again: a use costs the queue nothing until somebody asks for the first.
type queue[T element[T]] []T

// first returns the element that comes before all others, the zero value of T when there is none.
func (q queue[T]) first() (front T) {
	for len(q) > 0 {
		front = q[0]
		if front.look() {
			return front
		}
		q.settle(0)
	}
	return front
}

func (q *queue[T]) add(e T) {
	e.look()
	at := len(*q)
	e.moved(at)
	*q = append(*q, e)
	q.settle(at)
}

// remove takes out the element at an index.
func (q *queue[T]) remove(at int) T {
	var none T
	last := len(*q) - 1
	q.swap(at, last)
	e := (*q)[last]
	(*q)[last] = none
	*q = (*q)[:last]
	if at < last {
		q.settle(at)
	}
	return e
}

// settle moves the element at an index to where it belongs. The queue is a binary heap: the element
// at i comes before those at 2i+1 and 2i+2.
func (q queue[T]) settle(i int) {
	for i > 0 && q[i].before(q[(i-1)/2]) {
		q.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
	for {
		next := 2*i + 1
		if next+1 < len(q) && q[next+1].before(q[next]) {
			next++
		}
		if next >= len(q) || !q[next].before(q[i]) {
			return
		}
		q.swap(i, next)
		i = next
	}
}

func (q queue[T]) swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].moved(i)
	q[j].moved(j)
}
