// Package rooms says which package of mlsync may import which, and checks it
// on the source. Its test is what keeps ARCHITECTURE.md true.
package rooms

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Module is the path of the module.
const Module = "mlsync.dev/mlsync"

// Room is one package and what its code may use. Tests of a package may use
// anything, unless it is Sealed.
type Room struct {
	// Imports are the rooms that it may import; All stands for every room.
	Imports []string
	// Pure rooms touch no disk, network, database, log, clock or goroutine.
	Pure bool
	// Except are imports that a pure room has all the same.
	Except []string
	// Sealed rooms import no other room in their tests either.
	Sealed bool
}

// All allows a room to import every other.
const All = "*"

// impure are the packages of the standard library that a pure room may not
// import, with everything below them.
var impure = []string{"os", "net", "database/sql", "log", "syscall", "plugin"}

// clocks are the functions of package time that a pure room may not call.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// Check reads all Go files of the module in fsys and returns one sentence for
// each breach of the table, sorted.
func Check(fsys fs.FS, table map[string]Room) ([]string, error) {
	var breaches []string
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != "." && skipped(fsys, name) {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		found, err := checkFile(name, src, table)
		breaches = append(breaches, found...)
		return err
	})
	slices.Sort(breaches)
	return slices.Compact(breaches), err
}

// skipped are folders that are not of the module: hidden ones, test data and
// other modules.
func skipped(fsys fs.FS, dir string) bool {
	base := path.Base(dir)
	if strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata" {
		return true
	}
	_, err := fs.Stat(fsys, path.Join(dir, "go.mod"))
	return err == nil
}

func checkFile(name string, src []byte, table map[string]Room) ([]string, error) {
	dir := path.Dir(name)
	room, ok := table[dir]
	if !ok {
		return []string{dir + " is not in the table of rooms"}, nil
	}
	test := strings.HasSuffix(name, "_test.go")
	if test && !room.Sealed {
		return nil, nil
	}
	mode := parser.ImportsOnly
	if room.Pure && !test {
		mode = parser.SkipObjectResolution
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, src, mode)
	if err != nil {
		return nil, err
	}
	breaches := checkImports(dir, file, room, test)
	if room.Pure && !test {
		breaches = append(breaches, checkPure(dir, fset, file)...)
	}
	return breaches, nil
}

func checkImports(dir string, file *ast.File, room Room, test bool) []string {
	var breaches []string
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value) // the parser has seen to it
		ours, isOurs := strings.CutPrefix(imported, Module+"/")
		switch {
		case isOurs && ours != dir && !slices.Contains(room.Imports, ours) && !slices.Contains(room.Imports, All):
			where := ""
			if test {
				where = ", not even in its tests"
			}
			breaches = append(breaches, fmt.Sprintf("%s may not import %s%s", dir, ours, where))
		case !isOurs && room.Pure && !test && isImpure(imported) && !slices.Contains(room.Except, imported):
			breaches = append(breaches, fmt.Sprintf("%s is pure and may not import %s", dir, imported))
		}
	}
	return breaches
}

func isImpure(imported string) bool {
	return slices.ContainsFunc(impure, func(p string) bool {
		return imported == p || strings.HasPrefix(imported, p+"/") && imported != "net/url" && imported != "net/netip"
	})
}

func checkPure(dir string, fset *token.FileSet, file *ast.File) []string {
	var breaches []string
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			breaches = append(breaches, fmt.Sprintf("%s is pure and may not start a goroutine (%s)", dir, fset.Position(n.Pos())))
		case *ast.SelectorExpr:
			if pkg, ok := n.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains(clocks, n.Sel.Name) {
				breaches = append(breaches, fmt.Sprintf("%s is pure and may not use time.%s (%s)", dir, n.Sel.Name, fset.Position(n.Pos())))
			}
		}
		return true
	})
	return breaches
}
