// Package batch upscales several files and folders into one folder.
//
// Find lists the inputs and gives each a place in the output folder: the tree of an input folder is mirrored, and no two outputs ever have one
// name. Run then works on one after another with package upscale. It does not print: Options.Events gets what there is to say.
//
// A batch resumes as a whole. Run again with the same inputs and options it skips outputs that are whole, continues the one that was under way
// where its segments end, and goes on with the rest. There is no state besides the outputs and the work folders of single jobs.
package batch
