package importer

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"dotyk/activities/store"
)

// Kind is what a file holds.
type Kind string

// The kinds of files.
const (
	Customers Kind = "customers"
	Orders    Kind = "orders"
)

// Store is what an import writes to: a *store.Store.
type Store interface {
	EnsureSource(ctx context.Context, workspace int64, name string) (store.Source, error)
	Ingest(ctx context.Context, workspace int64, ds []store.Delivery) ([]store.IngestResult, error)
}

// Flags are the arguments and options of `starter import customers` and `starter import orders`, with kong's tags.
type Flags struct {
	File      string `arg:"" type:"existingfile" help:"The CSV file. It is read twice, so it cannot be a pipe."`
	Map       string `required:"" placeholder:"MAPFILE" help:"The mapping: a YAML file, or the name of one that is built in (online-retail)."`
	Report    string `placeholder:"PATH" help:"Where rejected lines go. Default: FILE.rejected.csv."`
	Encoding  string `placeholder:"NAME" help:"The file's encoding, such as utf-8 or windows-1251. Default: as the mapping says, else detected."`
	Delimiter string `placeholder:"CHAR" help:"What separates the columns: a character or tab. Default: as the mapping says, else detected."`
	Restart   bool   `help:"Begin at the first line, even if an earlier import of this file was cut off."`
}

// Options makes the options of Run. The caller adds the workspace, its country, and where progress goes.
func (f Flags) Options(kind Kind) Options {
	return Options{
		Kind: kind, File: f.File, Map: f.Map, Report: f.Report, Encoding: f.Encoding, Delimiter: f.Delimiter,
		Restart: f.Restart,
	}
}

// Options says what to import and how.
type Options struct {
	Kind      Kind
	Workspace int64
	Country   string // ISO 3166 region of national phone numbers where the mapping names none; may be empty
	File      string // path of the CSV file
	Map       string // path of the mapping, or the name of a built-in one, see Mappings
	Report    string // path of the report of rejected lines; default: File + ".rejected.csv"
	Encoding  string // of the file; empty: as the mapping says
	Delimiter string // one character or "tab"; empty: as the mapping says
	Restart   bool   // ignore the place where an earlier import stopped

	// Batch is how many messages one transaction stores. Larger ones make commits rarer, and more is done again after
	// a crash. Default 1,000.
	Batch int

	Progress io.Writer        // where progress is shown; nil for nowhere
	Terminal bool             // Progress is a terminal: draw a bar instead of writing a line every few seconds
	Now      func() time.Time // default time.Now
}

func (o Options) withDefaults() Options {
	if o.Report == "" {
		o.Report = o.File + ".rejected.csv"
	}
	if o.Batch <= 0 {
		o.Batch = 1000
	}
	if o.Progress == nil {
		o.Progress, o.Terminal = io.Discard, false
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// statePath is where the place of an unfinished import is kept: beside the report, named after the file.
func (o Options) statePath() string {
	return filepath.Join(filepath.Dir(o.Report), filepath.Base(o.File)+".dotyk-import.json")
}
