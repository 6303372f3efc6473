// Package args is what the commands share about their command lines: kinds of flags, a configuration file between defaults and
// flags, and hints for what was mistyped.
//
// In: arguments and YAML. Out: values, and errors of kind fault.Usage.
package args
