package importer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// state is what an unfinished import leaves behind: up to where everything is committed.
type state struct {
	Identity   identity `json:"identity"`
	Survey     survey   `json:"survey"`
	Position   position `json:"position"`
	ReportSize int64    `json:"report_size"`
	Counts     counts   `json:"counts"`
}

// identity is what must be the same for an import to go on where another stopped.
type identity struct {
	Version   int    `json:"version"`
	Kind      Kind   `json:"kind"`
	Workspace int64  `json:"workspace"`
	Settings  string `json:"settings"` // hash of the mapping and the options that change what is read
	Size      int64  `json:"size"`     // of the file, in bytes
	Mark      string `json:"mark"`     // hash of the file's first and last bytes
	Report    string `json:"report"`
}

// position is a place between two rows. In a sorted import only the number of rows counts, which counts.Read holds.
type position struct {
	Offset int64 `json:"offset"`
	Line   int   `json:"line"` // lines before the next row
}

const stateVersion = 1

func newIdentity(o Options, m *Mapping, f *file) identity {
	settings := strings.Join([]string{string(m.content), o.Encoding, o.Delimiter, o.Country}, "\x00")
	sum := sha256.Sum256([]byte(settings))
	return identity{
		Version: stateVersion, Kind: o.Kind, Workspace: o.Workspace, Settings: hex.EncodeToString(sum[:]),
		Size: f.size, Mark: f.mark, Report: o.Report,
	}
}

// loadState finds where an earlier run stopped. When there is nothing to go on from, found is false, and why says what
// stands against a state that is there.
func loadState(path string, id identity) (s state, found bool, why string, err error) {
	raw, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return state{}, false, "", nil
	case err != nil:
		return state{}, false, "", fmt.Errorf("read state of import: %w", err)
	case json.Unmarshal(raw, &s) != nil:
		return state{}, false, "its state cannot be read", nil
	case s.Identity.Size != id.Size || s.Identity.Mark != id.Mark:
		return state{}, false, "the file has changed since", nil
	case s.Identity != id:
		return state{}, false, "the mapping or the options have changed since", nil
	}
	return s, true, "", nil
}

// save replaces the state atomically: whoever reads it finds either the old one or the new one.
func (s state) save(path string) error {
	raw, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("write state of import: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("create state of import: %w", err)
	}
	_, err = f.Write(raw)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("save state of import: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func removeState(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove state of import: %w", err)
	}
	return nil
}
