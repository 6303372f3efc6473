package live

import (
	"errors"
	"io/fs"
	"os"

	"vsr/encode"
	"vsr/internal/fault"
	"vsr/live/output"
)

// targets lists the outputs that the options name. Errors are *fault.Error of kind Usage, or of kind Output for a recording that would replace
// a file.
func (o *Options) targets() ([]output.Target, error) {
	addresses := append([]output.Address{}, o.Push...)
	if o.PushFile != "" {
		more, err := output.ReadAddresses(o.PushFile)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, more...)
	}
	var list []output.Target
	for _, a := range addresses {
		t, err := output.ParseAddress(a)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	if o.VirtualCamera != "" {
		list = append(list, output.Camera(o.VirtualCamera))
	}
	if o.Stdout != "" {
		list = append(list, output.Stdout(o.Stdout))
	}
	if o.HLS {
		list = append(list, output.HLSTarget())
	}
	if o.Record != "" {
		if _, err := os.Lstat(o.Record); !errors.Is(err, fs.ErrNotExist) {
			return nil, &fault.Error{Kind: fault.Output, Err: &encode.DestinationError{Path: o.Record, Err: fs.ErrExist}, Hint: "recordings never replace a file; choose another name"}
		}
		list = append(list, output.Recording(o.Record))
	}
	return list, nil
}

// openOutputs begins all outputs. They wait for the source.
func (s *Session) openOutputs(list []output.Target) error {
	for _, t := range list {
		if _, err := s.hub.Add(t, true); err != nil {
			s.hub.Shutdown()
			return err
		}
	}
	return nil
}
