package pglocal_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"dotyk/activities/store/pglocal"
)

// helperDir names the variable that turns the test's program into one that runs a server in a directory until it is
// told to stop (a line on its input) or killed.
const helperDir = "PGLOCAL_TEST_HELPER"

func helper(dir string) int {
	srv, err := pglocal.Start(context.Background(), pglocal.Config{Dir: dir, Fast: true})
	if err != nil {
		fmt.Println("error", strings.ReplaceAll(err.Error(), "\n", " "))
		return 1
	}
	fmt.Println("ready", srv.URL("postgres"))
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return 1
	}
	if err := srv.Stop(); err != nil {
		return 1
	}
	return 0
}

// runHelper starts the helper, as another user if prepare says so, and returns when its server runs.
func runHelper(t *testing.T, dir string, prepare func(*osexec.Cmd)) (*osexec.Cmd, io.Closer) {
	t.Helper()
	if _, err := pglocal.Find(); err != nil {
		t.Skip(err)
	}
	cmd := osexec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperDir+"="+dir)
	cmd.Stderr = os.Stderr
	prepare(cmd)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(line, "ready "), line)
	return cmd, in
}

func postmaster(t *testing.T, dir string) int {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "data", "postmaster.pid"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	require.NoError(t, err)
	return pid
}

func TestCrash(t *testing.T) {
	t.Parallel()

	t.Run("OfTheProgram", func(t *testing.T) {
		t.Parallel()
		for _, long := range []bool{false, true} {
			t.Run("LongPath="+strconv.FormatBool(long), func(t *testing.T) {
				t.Parallel()
				dir := newDir(t)
				if long {
					dir = filepath.Join(dir, strings.Repeat("long", 25))
					require.NoError(t, os.Mkdir(filepath.Dir(dir), 0o755))
				}
				cmd, _ := runHelper(t, dir, func(*osexec.Cmd) {})
				socket, err := os.Readlink(filepath.Join(dir, "run"))
				require.Equal(t, long, err == nil)
				require.NoError(t, cmd.Process.Kill())
				require.Error(t, cmd.Wait())

				srv := start(t, pglocal.Config{Dir: dir})
				require.Equal(t, 1, query[int](t, srv, "SELECT 1"))
				require.NoError(t, srv.Stop())
				if long {
					require.NoDirExists(t, socket)
				}
			})
		}
	})

	t.Run("OfTheServer", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		srv := start(t, pglocal.Config{Dir: dir, Options: map[string]string{"synchronous_commit": "on"}})
		exec(t, srv, "CREATE TABLE kept AS SELECT 42 AS answer")
		require.NoError(t, syscall.Kill(postmaster(t, dir), syscall.SIGKILL))
		<-srv.Done()
		require.ErrorContains(t, srv.Stop(), "ended by itself")

		again := start(t, pglocal.Config{Dir: dir})
		require.Equal(t, 42, query[int](t, again, "SELECT answer FROM kept"))
	})

	// What a killed program leaves where the kernel does not end the child with its parent.
	t.Run("LeftRunning", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		require.NoError(t, start(t, pglocal.Config{Dir: dir}).Stop())
		found, err := pglocal.Find()
		require.NoError(t, err)
		left := osexec.CommandContext(t.Context(), filepath.Join(found.Dir, "postgres"),
			"-D", filepath.Join(dir, "data"), "-c", "listen_addresses=", "-c", "unix_socket_directories="+filepath.Join(dir, "data"))
		left.Dir = dir
		if os.Geteuid() == 0 {
			uid := ownerOf(t, filepath.Join(dir, "data"))
			left.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		}
		log, err := left.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, left.Start())
		for lines := bufio.NewScanner(log); lines.Scan() && !strings.Contains(lines.Text(), "ready to accept"); {
			continue
		}
		ended := make(chan error, 1)
		go func() {
			_, copyErr := io.Copy(io.Discard, log)
			ended <- copyErr
		}()

		srv := start(t, pglocal.Config{Dir: dir})
		require.Equal(t, 1, query[int](t, srv, "SELECT 1"))
		require.NotEqual(t, left.Process.Pid, postmaster(t, dir))
		require.NoError(t, <-ended)
		require.NoError(t, left.Wait(), "it was shut down in an orderly way")
	})

	t.Run("StaleStateFile", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		require.NoError(t, start(t, pglocal.Config{Dir: dir}).Stop())
		dead := osexec.CommandContext(t.Context(), "true")
		require.NoError(t, dead.Run())
		state := fmt.Sprintf("%d\n%s\n1700000000\n5432\n\n\n\nready\n", dead.Process.Pid, filepath.Join(dir, "data"))
		path := filepath.Join(dir, "data", "postmaster.pid")
		require.NoError(t, os.WriteFile(path, []byte(state), 0o600))
		if os.Geteuid() == 0 {
			require.NoError(t, os.Chown(path, int(ownerOf(t, filepath.Join(dir, "data"))), -1))
		}
		srv := start(t, pglocal.Config{Dir: dir})
		require.Equal(t, 1, query[int](t, srv, "SELECT 1"))
	})
}

func TestUsers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root changes to another user")
	}

	t.Run("RootDropsToAnother", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		start(t, pglocal.Config{Dir: dir})
		require.NotZero(t, ownerOf(t, filepath.Join(dir, "data")))
	})

	t.Run("RootGetsACopiedDirectory", func(t *testing.T) {
		t.Parallel()
		dir := newDir(t)
		require.NoError(t, start(t, pglocal.Config{Dir: dir}).Stop())
		require.NoError(t, osexec.CommandContext(t.Context(), "chown", "-R", "0:0", dir).Run())
		start(t, pglocal.Config{Dir: dir})
		require.NotZero(t, ownerOf(t, filepath.Join(dir, "data")))
	})

	t.Run("OrdinaryUser", func(t *testing.T) {
		t.Parallel()
		nobody, err := user.Lookup("nobody") // initdb wants a user that has a name
		if err != nil {
			t.Skip(err)
		}
		id, err := strconv.ParseUint(nobody.Uid, 10, 32)
		require.NoError(t, err)
		uid := uint32(id)
		dir := newDir(t)
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.Chown(dir, int(uid), int(uid)))
		// The test's program stands where only root can enter: the helper runs a copy.
		program := filepath.Join(filepath.Dir(dir), "helper")
		raw, err := os.ReadFile(os.Args[0])
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(program, raw, 0o755))
		cmd, in := runHelper(t, dir, func(cmd *osexec.Cmd) {
			cmd.Path = program
			cmd.Dir = dir
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		})
		require.Equal(t, uid, ownerOf(t, filepath.Join(dir, "data")))
		require.NoError(t, in.Close())
		require.NoError(t, cmd.Wait())

		srv := start(t, pglocal.Config{Dir: dir}) // root goes on as the user the data belongs to
		require.Equal(t, 1, query[int](t, srv, "SELECT 1"))
		require.Equal(t, uid, ownerOf(t, filepath.Join(dir, "data")))
	})
}

// TestDeadButNamed has the state file name a process that ended and of which nobody has heard yet.
func TestDeadButNamed(t *testing.T) {
	t.Parallel()
	// leave gives a directory in that state; the returned function hears of the end.
	leave := func(t *testing.T) (dir string, hear func() error) {
		t.Helper()
		dir = newDir(t)
		require.NoError(t, start(t, pglocal.Config{Dir: dir}).Stop())
		uid := ownerOf(t, filepath.Join(dir, "data"))
		dead := osexec.CommandContext(t.Context(), "true")
		if os.Geteuid() == 0 {
			dead.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		}
		require.NoError(t, dead.Start())
		state := fmt.Sprintf("%d\n%s\n1700000000\n5432\n\n\n\nready\n", dead.Process.Pid, filepath.Join(dir, "data"))
		path := filepath.Join(dir, "data", "postmaster.pid")
		require.NoError(t, os.WriteFile(path, []byte(state), 0o600))
		if os.Geteuid() == 0 {
			require.NoError(t, os.Chown(path, int(uid), -1))
		}
		return dir, dead.Wait
	}
	const exists = `lock file "postmaster.pid" already exists`

	t.Run("UntilItIsGone", func(t *testing.T) {
		t.Parallel()
		dir, hear := leave(t)
		heard := make(chan error, 1)
		go func() {
			for t.Context().Err() == nil {
				log, err := os.ReadFile(filepath.Join(dir, "postgres.log"))
				if err != nil || strings.Contains(string(log), exists) {
					break
				}
			}
			heard <- hear()
		}()
		srv := start(t, pglocal.Config{Dir: dir})
		require.Equal(t, 1, query[int](t, srv, "SELECT 1"))
		require.NoError(t, <-heard)
	})

	t.Run("ForGood", func(t *testing.T) {
		t.Parallel()
		dir, hear := leave(t)
		_, err := pglocal.Start(t.Context(), pglocal.Config{Dir: dir})
		require.ErrorContains(t, err, exists)
		require.NoError(t, hear())
	})
}
