package main

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	root         = ".." // of the module, as seen from this package's tests
	maxLines     = 800
	maxTestLines = 1200
)

// TestLayout holds the tree to what CONTRIBUTING.md says of it, as far as the linter cannot.
func TestLayout(t *testing.T) {
	t.Parallel()
	files := goFiles(t)

	t.Run("The top level holds only what is named here", func(t *testing.T) {
		t.Parallel()
		allowed := []string{
			"rules", "channels", "activities", "workflows", "worker", "starter",
			"go.mod", "go.sum", "Makefile", "README.md", "LICENSE", "CONTRIBUTING.md", "CHANGELOG.md",
			"bin", // what make builds; never committed
		}
		entries, err := os.ReadDir(root)
		require.NoError(t, err)
		for _, entry := range entries {
			if !strings.HasPrefix(entry.Name(), ".") {
				require.Contains(t, allowed, entry.Name(), "put it into one of the folders that exist")
			}
		}
	})

	t.Run("Every package has one comment, in doc.go", func(t *testing.T) {
		t.Parallel()
		comments := map[string][]string{}
		for _, file := range files {
			dir := filepath.Dir(file.path)
			if file.syntax.Doc != nil {
				comments[dir] = append(comments[dir], filepath.Base(file.path))
			} else if _, seen := comments[dir]; !seen {
				comments[dir] = nil
			}
		}
		for dir, commented := range comments {
			require.Equal(t, []string{"doc.go"}, commented, "files with a package comment in %s", dir)
		}
	})

	t.Run("No file is too long to read", func(t *testing.T) {
		t.Parallel()
		for _, file := range files {
			limit := maxLines
			if strings.HasSuffix(file.path, "_test.go") {
				limit = maxTestLines
			}
			if !ast.IsGenerated(file.syntax) {
				require.LessOrEqual(t, file.lines, limit, "lines of %s: split it by what its parts do", file.path)
			}
		}
	})

	t.Run("Nothing is left for later", func(t *testing.T) {
		t.Parallel()
		later := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
		for _, file := range files {
			for _, group := range file.syntax.Comments {
				for _, comment := range group.List {
					require.NotRegexp(t, later, comment.Text, "a comment in %s", file.path)
				}
			}
		}
	})

	t.Run("The licence is Apache 2.0", func(t *testing.T) {
		t.Parallel()
		text, err := os.ReadFile(filepath.Join(root, "LICENSE"))
		require.NoError(t, err)
		for _, part := range []string{"Apache License", "Version 2.0, January 2004", "END OF TERMS AND CONDITIONS"} {
			require.Contains(t, string(text), part)
		}
	})
}

// TestImports asks the go command what is really linked; depguard sees only the imports of one file at a time.
func TestImports(t *testing.T) {
	t.Parallel()

	for _, program := range []string{"worker", "starter"} {
		t.Run(program+" stays lean", func(t *testing.T) {
			t.Parallel()
			packages := goList(t, "-deps", "./"+program)
			require.Greater(t, len(packages), 1, "packages linked into %s", program)
			for _, pkg := range packages {
				require.False(t, under(pkg.ImportPath, "go.temporal.io/server"),
					"%s links the Temporal server through %s; only starter/devenv may", program, pkg.ImportPath)
				require.NotEqual(t, "github.com/twilio/twilio-go", pkg.ImportPath,
					"%s links every Twilio API; import twilio-go/client and twilio-go/rest/api/v2010", program)
			}
		})
	}

	forbidden := map[string][]string{
		"rules": {"net", "os", "database/sql"},
		"workflows": {
			"net", "os", "database/sql", "github.com/jackc/pgx", "github.com/wneessen/go-mail", "github.com/twilio",
			"dotyk/activities/store",
		},
	}
	for folder, roots := range forbidden {
		t.Run(folder+" stay pure", func(t *testing.T) {
			t.Parallel()
			packages := goList(t, "./"+folder+"/...")
			require.NotEmpty(t, packages)
			for _, pkg := range packages {
				for _, imported := range pkg.Imports {
					for _, no := range roots {
						require.False(t, under(imported, no), "%s imports %s", pkg.ImportPath, imported)
					}
				}
			}
		})
	}
}

// A listedPackage is what this test needs of one entry of `go list -json`.
type listedPackage struct {
	ImportPath string
	Imports    []string // of its files without tests
}

func goList(t *testing.T, args ...string) []listedPackage {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = root
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, "go list %s", strings.Join(args, " "))

	var packages []listedPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var pkg listedPackage
		err := dec.Decode(&pkg)
		if errors.Is(err, io.EOF) {
			return packages
		}
		require.NoError(t, err)
		packages = append(packages, pkg)
	}
}

// under reports whether the import path is root or below it.
func under(importPath, root string) bool {
	return importPath == root || strings.HasPrefix(importPath, root+"/")
}

type goFile struct {
	path   string // relative to the module's root
	lines  int
	syntax *ast.File
}

// goFiles parses every Go file of the module, whatever its build tags, as its packages may not all compile here.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	skipped := []string{"bin", "node_modules", "testdata"}
	var files []goFile
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || slices.Contains(skipped, name)) {
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		fset := token.NewFileSet()
		syntax, err := parser.ParseFile(fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files = append(files, goFile{path: relative, lines: fset.File(syntax.FileStart).LineCount(), syntax: syntax})
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}
