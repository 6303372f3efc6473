// Package enginetest is the suite that every engine passes: Generic for anything that keeps the contract of sr.Engine, Run for
// engines that compute a KDSR network as well. The truth is kdsr.Reference between color conversions of our own, in float64.
package enginetest
