package importer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
)

// report is the file of lines that were not stored, or not wholly: line number, reason, advice, the line itself.
type report struct {
	path string
	file *os.File
	csv  *csv.Writer
}

// openReport opens the report for writing after its first size bytes, which an earlier run has committed; 0 begins it
// anew. errShortReport when it has fewer.
func openReport(path string, size int64) (*report, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // it holds personal data
	if err != nil {
		return nil, fmt.Errorf("open report (--report names another place): %w", err)
	}
	if err := rewindReport(f, size); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r := &report{path: path, file: f, csv: csv.NewWriter(f)}
	if size == 0 {
		if err := r.csv.Write([]string{"line", "reason", "advice", "raw"}); err != nil {
			return nil, errors.Join(fmt.Errorf("write report: %w", err), f.Close())
		}
	}
	return r, nil
}

var errShortReport = errors.New("report is shorter than what was committed")

func rewindReport(f *os.File, size int64) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at report: %w", err)
	}
	if info.Size() < size {
		return errShortReport
	}
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("shorten report: %w", err)
	}
	if _, err := f.Seek(size, io.SeekStart); err != nil {
		return fmt.Errorf("find end of report: %w", err)
	}
	return nil
}

// add writes a line to the report. An error shows in commit.
func (r *report) add(h held, wrong *lineError) {
	_ = r.csv.Write([]string{strconv.Itoa(h.line), wrong.reason, wrong.advice, h.raw})
}

// commit makes what was added safe, and gives the size of the report.
func (r *report) commit() (int64, error) {
	r.csv.Flush()
	if err := r.csv.Error(); err != nil {
		return 0, fmt.Errorf("write report: %w", err)
	}
	if err := r.file.Sync(); err != nil {
		return 0, fmt.Errorf("save report: %w", err)
	}
	size, err := r.file.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, fmt.Errorf("measure report: %w", err)
	}
	return size, nil
}

// close ends the report; an empty one is removed.
func (r *report) close(empty bool) error {
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("close report: %w", err)
	}
	if !empty {
		return nil
	}
	if err := os.Remove(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove empty report: %w", err)
	}
	return nil
}
