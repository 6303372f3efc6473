package kdsr

import (
	"errors"
	"fmt"
	"strings"
)

// pickleCalls are the names that a pickle may use.
var pickleCalls = map[string]bool{
	"collections.OrderedDict": true, "torch._utils._rebuild_tensor_v2": true, "torch._utils._rebuild_parameter": true,
}

func allowedGlobal(name string) bool {
	class, ok := strings.CutPrefix(name, "torch.")
	return pickleCalls[name] || ok && storageClasses[class] != storageUnknown
}

// call runs the opcodes that name, call or refer to things outside the pickle.
func (u *unpickler) call(op byte) error {
	switch op {
	case 'c':
		rest := u.data[u.pos:]
		lines := strings.SplitN(string(rest[:min(len(rest), 512)]), "\n", 3)
		if len(lines) < 3 {
			return errPickleShort
		}
		u.pos += len(lines[0]) + len(lines[1]) + 2
		return u.global(lines[0] + "." + lines[1])
	case 0x93:
		args, err := u.popN(2)
		if err != nil {
			return err
		}
		module, ok1 := args[0].(string)
		name, ok2 := args[1].(string)
		if !ok1 || !ok2 {
			return errors.New("a name that is no text")
		}
		return u.global(module + "." + name)
	case 'Q':
		v, err := u.pop()
		if err != nil {
			return err
		}
		s, err := newStorage(v)
		if class, ok := u.storages[s.key]; ok && class != s.class {
			return fmt.Errorf("storage %.32q of two types", s.key)
		}
		u.storages[s.key] = s.class
		u.push(s)
		return err
	case 'R':
		args, err := u.popN(2)
		if err != nil {
			return err
		}
		v, err := reduce(args[0], args[1])
		u.push(v)
		return err
	}
	// BUILD sets attributes: an OrderedDict from a module carries version numbers, which nobody needs.
	if _, err := u.pop(); err != nil {
		return err
	}
	if _, ok := u.top().(*pickleDict); !ok {
		return fmt.Errorf("sets attributes of a %T", u.top())
	}
	return nil
}

func (u *unpickler) global(name string) error {
	if len(name) > 128 || !allowedGlobal(name) {
		return fmt.Errorf("uses %.128q, which no state dict needs: refused", name)
	}
	return u.push(pickleGlobal{name})
}

// reduce applies one of the allowed callables.
func reduce(f, args any) (any, error) {
	g, _ := f.(pickleGlobal)
	a, ok := args.(pickleTuple)
	switch {
	case !ok:
	case g.name == "collections.OrderedDict" && len(a) == 0:
		return &pickleDict{}, nil
	case g.name == "collections.OrderedDict" && len(a) == 1:
		return orderedDict(a[0])
	case g.name == "torch._utils._rebuild_tensor_v2" && len(a) >= 4:
		return newTensor(a)
	case g.name == "torch._utils._rebuild_parameter" && len(a) >= 1:
		if t, ok := a[0].(pickleTensor); ok {
			return t, nil
		}
	}
	return nil, fmt.Errorf("calls %q with arguments that no state dict has", g.name)
}

// orderedDict makes a dictionary of a list of pairs, which are lists of two: PyTorch under Python 2 wrote state dicts so.
func orderedDict(pairs any) (any, error) {
	list, ok := pairs.(*pickleList)
	if !ok {
		return nil, fmt.Errorf("makes a dictionary of a %T", pairs)
	}
	d := &pickleDict{}
	for _, p := range list.items {
		pair, ok := p.(*pickleList)
		if !ok || len(pair.items) != 2 {
			return nil, fmt.Errorf("makes a dictionary of a list of %T", p)
		}
		d.keys, d.values = append(d.keys, pair.items[0]), append(d.values, pair.items[1])
	}
	return d, nil
}
