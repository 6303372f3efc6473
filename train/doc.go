// Package train trains KDSR: the teacher that sees the original, then the student that learns to guess what the teacher saw.
//
// In: a Config, folders of sharp images. Out: a run folder with checkpoint.safetensors (everything needed to go on bit by
// bit), log.jsonl, curves.png, sheet.png and, at the end, the trained weights as NAME.safetensors.
//
// The network is sr/kdsr's, interpreted by train/graph over gorgonia; material comes from train/data, degraded by train/degrade.
package train
