package train

import "errors"

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
