package pglocal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// errNoUser says that there is nobody to run as. A bare number does not do: initdb wants a user that has a name.
var errNoUser = errors.New("PostgreSQL refuses to run as root, and there is none of the users postgres, nobody and " +
	"daemon to run it as: add one, or start as an ordinary user")

// owner is the user that the server runs as where this process is root; the zero owner is this process's own user.
type owner struct {
	uid, gid uint32
	name     string
	drop     bool // the server's processes change to uid
	adopt    bool // the data exists and belongs to root, who cannot be the server's user
}

// AccessError says that the user which the server must run as cannot enter a directory above the data.
type AccessError struct {
	Dir     string // the data directory
	Blocked string // the directory on the way that refuses
	User    string // who is refused
}

// Error says which directory is in the way and what to do about it.
func (e *AccessError) Error() string {
	return fmt.Sprintf("PostgreSQL refuses to run as root, and user %s cannot enter %s on the way to %s: "+
		"choose a directory elsewhere, start as an ordinary user, or type `chmod o+x %s`", e.User, e.Blocked, e.Dir, e.Blocked)
}

// chooseOwner gives the user of an existing data directory, else the first that the system has of postgres, nobody and
// daemon, when this process is root; this process's own user otherwise.
func chooseOwner(data string) (owner, error) {
	if os.Geteuid() != 0 {
		return owner{}, nil
	}
	info, err := os.Stat(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return owner{}, fmt.Errorf("look at data directory: %w", err)
	}
	exists := err == nil
	if exists {
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return owner{uid: st.Uid, gid: st.Gid, name: userName(st.Uid), drop: true}, nil
		}
	}
	o, err := serviceUser()
	o.adopt = exists
	return o, err
}

// serviceUser gives the user for a new cluster.
func serviceUser() (owner, error) {
	for _, name := range []string{"postgres", "nobody", "daemon"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return owner{uid: uint32(uid), gid: uint32(gid), name: name, drop: true}, nil
		}
	}
	return owner{}, errNoUser
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	u, err := user.LookupId(id)
	if err != nil {
		return id
	}
	return u.Username
}

// chown gives everything below dir to the owner where the server has a user of its own.
func (o owner) chown(dir string) error {
	if !o.drop {
		return nil
	}
	root, err := os.OpenRoot(dir) // a link in it leads nowhere else
	if err != nil {
		return fmt.Errorf("open directory: %w", err)
	}
	err = fs.WalkDir(root.FS(), ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return root.Lchown(path, int(o.uid), int(o.gid))
	})
	if err = errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("give %s to user %s: %w", dir, o.name, err)
	}
	return nil
}

// prepare sets what every program of the server is run with: the user, a working directory it can enter, and an
// environment without the variables of libpq (PGPORT and others would change the server's settings).
func (o owner) prepare(cmd *exec.Cmd, dir string) {
	cmd.Dir = dir
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PG") || strings.HasPrefix(v, "LC_") || strings.HasPrefix(v, "LANG")
	})
	cmd.Env = append(cmd.Env, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if o.drop {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	}
}

// blocked gives the topmost directory on the way to dir, itself included, that the owner cannot enter; "" for none.
func (o owner) blocked(dir string) (string, error) {
	var way []string
	for d := dir; ; d = filepath.Dir(d) {
		way = append(way, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	for _, d := range slices.Backward(way) {
		info, err := os.Stat(d)
		if err != nil {
			return "", fmt.Errorf("look at parent directory: %w", err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			continue
		}
		var need fs.FileMode
		switch {
		case st.Uid == o.uid:
			need = 0o100
		case st.Gid == o.gid:
			need = 0o010
		default:
			need = 0o001
		}
		if info.Mode()&need == 0 {
			return d, nil
		}
	}
	return "", nil
}
