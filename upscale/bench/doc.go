// Package bench measures this program: the network alone on the CPU (CPU) or on another engine (EngineReport), and a whole run of a clip
// beside the network alone (Run). Comparisons with other programs are in tools/bench.
package bench
