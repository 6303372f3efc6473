package upscale

import (
	"bytes"
	"encoding/json"
	"strings"
)

// portable is what of the options travels to another machine: what the output is to be, and not how this machine makes it.
type portable struct {
	identity
	Model string `json:"model,omitempty"`
	Fast  bool   `json:"fast,omitempty"`
	Asked int    `json:"asked_scale,omitempty"` // identity.Scale is that of a model
}

// Portable returns what of the options says what the output is to be, as JSON for ParsePortable on another machine. A file that
// Options.Degradation names is read. Model must not be a file: other machines may have another under its name.
func (o *Options) Portable() (json.RawMessage, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	same := *o
	same.Program = ""
	if err := same.readDegradation(); err != nil {
		return nil, err
	}
	if strings.ContainsAny(o.Model, `/\`) {
		return nil, usageError("", "model %s: a file does not travel", o.Model)
	}
	return json.Marshal(portable{same.identity(0), o.Model, o.Fast, o.Scale})
}

// ParsePortable returns Defaults with what Portable has written. Errors are of kind Usage.
func ParsePortable(b []byte) (Options, error) {
	o := Defaults()
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var p portable
	if err := dec.Decode(&p); err != nil {
		return o, usageError("both sides need the same version of vsr", "options: %w", err)
	}
	p.restore(&o)
	o.Model, o.Fast, o.Scale = p.Model, p.Fast, p.Asked
	return o, o.Validate()
}
