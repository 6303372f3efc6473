package fault

import "slices"

// Nearest returns the word of list that name was most likely meant to be, or nothing if none is near: at most one letter in three
// may be wrong, missing, extra or swapped with its neighbour.
func Nearest(name string, list []string) string {
	best, least := "", max(len(name)/3, 1)+1
	for _, word := range list {
		if d := distance(name, word); d < least {
			best, least = word, d
		}
	}
	return best
}

// distance is how many letters must be changed, added, removed or swapped with a neighbour to turn a into b.
func distance(a, b string) int {
	before, row := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := slices.Clone(row)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before = last
	}
	return row[len(b)]
}

// DidYouMean is a hint with the nearest word of list, or otherwise if none is near.
func DidYouMean(name string, list []string, otherwise string) string {
	if near := Nearest(name, list); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}
