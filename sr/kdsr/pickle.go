package kdsr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Limits of the pickle reader. A checkpoint of the largest published network needs about 10,000 steps and 100 KB.
const (
	maxPickle = 8 << 20 // bytes
	maxSteps  = 1 << 19 // opcodes, each of which makes at most one object
)

// The values that a pickle may hold, beside nil, bool, int64, float64 and string.
type (
	pickleMark   struct{}
	pickleTuple  []any
	pickleList   struct{ items []any }
	pickleDict   struct{ keys, values []any }
	pickleGlobal struct{ name string } // module.name of a class or function on the list of those that are allowed

	// pickleStorage is a persistent reference: numel values of one type, kept outside the pickle.
	pickleStorage struct {
		class string // FloatStorage and so on
		key   string
		numel int64
	}
	// pickleTensor is a strided view of a storage.
	pickleTensor struct {
		storage pickleStorage
		offset  int64
		shape   []int
		stride  []int64
	}
)

// unpickler runs pickle protocol 2 to 5 as far as PyTorch's state dicts need it. It never calls anything: the few
// callables on its list have a meaning built in, every other name is an error.
type unpickler struct {
	data  []byte
	pos   int
	steps int
	stack []any
	memo  map[uint32]any
	// storages is the class of each storage that the pickle refers to, by key.
	storages map[string]string
}

var errPickleShort = errors.New("truncated pickle")

func newUnpickler(data []byte) *unpickler {
	return &unpickler{data: data, storages: map[string]string{}}
}

// next reads one pickle and leaves pos behind it.
//
// The value may hold itself, or the same tuple in exponentially many places: never print, compare or walk it blindly.
func (u *unpickler) next() (any, error) {
	u.stack, u.memo, u.steps = nil, map[uint32]any{}, 0
	for start := u.pos; ; {
		op, err := u.byte()
		if err != nil {
			return nil, err
		}
		if u.steps++; u.steps > maxSteps || u.pos-start > maxPickle {
			return nil, errors.New("pickle is too long")
		}
		if op == '.' {
			return u.pop()
		}
		if err := u.step(op); err != nil {
			return nil, fmt.Errorf("pickle, byte %d, opcode %#02x: %w", u.pos, op, err)
		}
	}
}

func (u *unpickler) take(n uint64) ([]byte, error) {
	if n > uint64(len(u.data)-u.pos) {
		return nil, errPickleShort
	}
	b := u.data[u.pos : u.pos+int(n)]
	u.pos += int(n)
	return b, nil
}

func (u *unpickler) byte() (byte, error) {
	b, err := u.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

// uint reads n bytes, little endian.
func (u *unpickler) uint(n int) (uint64, error) {
	b, err := u.take(uint64(n))
	var v uint64
	for i := len(b) - 1; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return v, err
}

func (u *unpickler) push(v any) error {
	u.stack = append(u.stack, v)
	return nil
}

func (u *unpickler) pop() (any, error) {
	if len(u.stack) == 0 {
		return nil, errors.New("empty stack")
	}
	v := u.stack[len(u.stack)-1]
	u.stack = u.stack[:len(u.stack)-1]
	if _, ok := v.(pickleMark); ok {
		return nil, errors.New("a mark where a value belongs")
	}
	return v, nil
}

// popN pops n values, in the order in which they were pushed.
func (u *unpickler) popN(n int) ([]any, error) {
	out := make([]any, n)
	for i := n - 1; i >= 0; i-- {
		v, err := u.pop()
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// popMark pops everything above the last mark, and the mark.
func (u *unpickler) popMark() ([]any, error) {
	for i := len(u.stack) - 1; i >= 0; i-- {
		if _, ok := u.stack[i].(pickleMark); ok {
			out := slices.Clone(u.stack[i+1:])
			u.stack = u.stack[:i]
			return out, nil
		}
	}
	return nil, errors.New("no mark")
}

// step runs one opcode: constants here, the rest in memory, build and call.
func (u *unpickler) step(op byte) error {
	switch op {
	case 0x80: // PROTO
		v, err := u.byte()
		if err == nil && (v < 2 || v > 5) {
			err = fmt.Errorf("protocol %d, want 2 to 5", v)
		}
		return err
	case 0x95: // FRAME
		_, err := u.take(8)
		return err
	case '(':
		return u.push(pickleMark{})
	case 'N':
		return u.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		return u.push(op == 0x88)
	case 'K', 'M', 'J', 0x8a: // BININT1, BININT2, BININT, LONG1
		return u.integer(op)
	case 'G': // BINFLOAT, big endian
		b, err := u.take(8)
		if err != nil {
			return err
		}
		return u.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case 'X', 'T': // BINUNICODE, BINSTRING
		return u.text(4)
	case 0x8c, 'U': // SHORT_BINUNICODE, SHORT_BINSTRING
		return u.text(1)
	case 'q', 'r', 0x94, 'h', 'j': // BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET
		return u.remember(op)
	case 'c', 0x93, 'R', 'b', 'Q': // GLOBAL, STACK_GLOBAL, REDUCE, BUILD, BINPERSID
		return u.call(op)
	}
	return u.build(op)
}

func (u *unpickler) integer(op byte) error {
	switch op {
	case 'K', 'M':
		v, err := u.uint(map[byte]int{'K': 1, 'M': 2}[op])
		u.push(int64(v))
		return err
	case 'J':
		v, err := u.uint(4)
		u.push(int64(int32(v)))
		return err
	}
	n, err := u.byte()
	if err != nil {
		return err
	}
	b, err := u.take(uint64(n))
	if err != nil {
		return err
	}
	if n > 8 { // only the magic number of the stream format is as long
		return u.push(string(b))
	}
	var v int64
	for i, x := range b {
		v |= int64(x) << (8 * i)
	}
	if n > 0 && n < 8 && b[n-1]&0x80 != 0 {
		v -= 1 << (8 * int64(n))
	}
	return u.push(v)
}

func (u *unpickler) text(width int) error {
	n, err := u.uint(width)
	if err != nil {
		return err
	}
	b, err := u.take(n)
	if err != nil {
		return err
	}
	return u.push(string(b))
}

// remember stores the top of the stack in the memo, or pushes a value from there.
func (u *unpickler) remember(op byte) error {
	width := map[byte]int{'q': 1, 'h': 1, 'r': 4, 'j': 4}[op]
	at, err := u.uint(width)
	if err != nil {
		return err
	}
	if op == 'h' || op == 'j' {
		v, ok := u.memo[uint32(at)]
		if !ok {
			return fmt.Errorf("nothing at %d in the memo", at)
		}
		return u.push(v)
	}
	if op == 0x94 {
		at = uint64(len(u.memo))
	}
	v, err := u.pop()
	if err != nil {
		return err
	}
	u.memo[uint32(at)] = v
	return u.push(v)
}

// build runs the opcodes that make tuples, lists and dicts.
func (u *unpickler) build(op byte) error {
	switch op {
	case ')':
		return u.push(pickleTuple{})
	case ']':
		return u.push(&pickleList{})
	case '}':
		return u.push(&pickleDict{})
	case 0x85, 0x86, 0x87: // TUPLE1 to TUPLE3
		items, err := u.popN(int(op) - 0x84)
		u.push(pickleTuple(items))
		return err
	case 't':
		items, err := u.popMark()
		u.push(pickleTuple(items))
		return err
	case 'a', 'e': // APPEND, APPENDS
		items, err := u.args(op == 'e', 1)
		if err != nil {
			return err
		}
		l, ok := u.top().(*pickleList)
		if !ok {
			return fmt.Errorf("append to a %T", u.top())
		}
		l.items = append(l.items, items...)
		return nil
	case 's', 'u': // SETITEM, SETITEMS
		items, err := u.args(op == 'u', 2)
		if err != nil {
			return err
		}
		d, ok := u.top().(*pickleDict)
		if !ok || len(items)%2 != 0 {
			return fmt.Errorf("%d items for a %T", len(items), u.top())
		}
		for i := 0; i < len(items); i += 2 {
			d.keys, d.values = append(d.keys, items[i]), append(d.values, items[i+1])
		}
		return nil
	}
	return errors.New("not allowed in a state dict")
}

func (u *unpickler) args(marked bool, n int) ([]any, error) {
	if marked {
		return u.popMark()
	}
	return u.popN(n)
}

func (u *unpickler) top() any {
	if len(u.stack) == 0 {
		return nil
	}
	return u.stack[len(u.stack)-1]
}
