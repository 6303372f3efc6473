package train

import (
	"errors"
	"strings"

	"vsr/internal/fault"
)

// ConfigError is a config, or a setting of it, that no run can follow.
type ConfigError struct {
	Err  error
	Hint string // what to do about it, may be empty
	Key  string // the key that is not known, if that is the fault; see Keys
}

// Error returns the text of the error itself.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e *ConfigError) Unwrap() error { return e.Err }

// InputError is a file or folder that the config names and that is missing, unreadable or of the wrong kind.
type InputError struct {
	Err  error
	Hint string // what to do about it, may be empty
}

// Error returns the text of the error itself.
func (e *InputError) Error() string { return e.Err.Error() }

// Unwrap returns the error itself.
func (e *InputError) Unwrap() error { return e.Err }

// input marks err as an InputError with a hint, unless it is nil or has a hint already.
func input(err error, hint string) error {
	if err == nil || errors.As(err, new(*InputError)) {
		return err
	}
	return &InputError{err, hint}
}

// Fault returns err as a *fault.Error with what may help, if it is a ConfigError, an InputError or ErrDiverged, and else as it is.
func Fault(err error) error {
	var (
		config *ConfigError
		input  *InputError
	)
	switch {
	case errors.As(err, &config):
		hint := config.Hint
		if config.Key != "" {
			hint = "configs/train-teacher.yaml explains every key"
			if near := nearestKey(config.Key); near != "" {
				hint = "did you mean " + near + "?"
			}
		}
		return &fault.Error{Kind: fault.Usage, Err: err, Hint: hint}
	case errors.As(err, &input):
		return &fault.Error{Kind: fault.Input, Err: err, Hint: input.Hint}
	case errors.Is(err, ErrDiverged):
		return &fault.Error{Kind: fault.Request, Err: err, Hint: "go on from the last checkpoint, if there is one, with --resume and a lower --set optim.lr or optim.clip"}
	}
	return err
}

// nearestKey is the key of a training config that name was meant to be. A file names keys without the groups that they are in.
func nearestKey(name string) string {
	keys := Keys()
	if near := fault.Nearest(name, keys); near != "" {
		return near
	}
	short := map[string]string{}
	var list []string
	for _, k := range keys {
		last := k[strings.LastIndexByte(k, '.')+1:]
		short[last] = k
		list = append(list, last)
	}
	return short[fault.Nearest(name[strings.LastIndexByte(name, '.')+1:], list)]
}
