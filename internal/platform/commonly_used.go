package platform

import (
	_ "embed"
	"sort"
	"strings"
)

// commonPasswords is a sorted list of about 20,000 commonly used passwords,
// one a line, folded.
//
//go:embed commonly_used.txt
var commonPasswords string

// CommonlyUsed reports whether a folded password is on the list. It searches
// the text itself, so that no copy of the list is built at start.
func CommonlyUsed(folded string) bool {
	lineAt := func(i int) string {
		start := strings.LastIndexByte(commonPasswords[:i], '\n') + 1
		line, _, _ := strings.Cut(commonPasswords[start:], "\n")
		return line
	}
	i := sort.Search(len(commonPasswords), func(i int) bool { return lineAt(i) >= folded })
	return i < len(commonPasswords) && lineAt(i) == folded
}
