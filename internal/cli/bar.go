package cli

import (
	"strings"
	"unicode/utf8"
)

const (
	barMost  = 40 // characters of a bar, its ends included
	barLeast = 10 // a smaller one is left out
)

// Bar is one line of at most width characters: left, a bar filled by done of total, right. The bar shrinks first, then goes;
// then right is cut. Without a total there is no bar.
func Bar(width int, left string, done, total int64, right string) string {
	if total <= 0 {
		return clip(left+" "+right, width)
	}
	space := min(width-utf8.RuneCountInString(left)-utf8.RuneCountInString(right)-2, barMost)
	if space < barLeast {
		return clip(left+" "+right, width)
	}
	inner := space - 2
	full := int(min(max(done, 0), total) * int64(inner) / total)
	head := ""
	if full < inner {
		head = ">"
	}
	return left + " [" + strings.Repeat("=", full) + head + strings.Repeat("-", inner-full-len(head)) + "] " + right
}
