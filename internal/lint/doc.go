// Package lint holds tests about the code itself: which package may import which, and that files stay short.
package lint
