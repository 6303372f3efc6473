package data

import (
	"encoding/csv"
	"os"
	"path/filepath"
)

// sourceNames caches, per folder, the table that says from which image each tile was cut.
type sourceNames map[string]map[string]string

// of returns the name of the image that a file comes from: the source_file column of a table `<folder>.tsv` beside the file's
// folder (tiles of one photograph share it), else the file's own name.
func (s sourceNames) of(path string) string {
	dir, file := filepath.Split(filepath.Clean(path))
	dir = filepath.Clean(dir)
	table, seen := s[dir]
	if !seen {
		table = readNames(dir + ".tsv")
		s[dir] = table
	}
	if name := table[file]; name != "" {
		return name
	}
	return file
}

// readNames reads the columns file and source_file of a tab-separated table. Any trouble gives an empty table: it is optional.
func readNames(path string) map[string]string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil
	}
	key, value := -1, -1
	for i, name := range rows[0] {
		switch name {
		case "file":
			key = i
		case "source_file":
			value = i
		}
	}
	if key < 0 || value < 0 {
		return nil
	}
	names := make(map[string]string, len(rows))
	for _, row := range rows[1:] {
		if len(row) > max(key, value) {
			names[row[key]] = row[value]
		}
	}
	return names
}
