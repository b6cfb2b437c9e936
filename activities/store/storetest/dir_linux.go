package storetest

import "syscall"

// memory is where Linux keeps files in memory.
const memory = "/dev/shm"

// roomy is how much of it must be free, in bytes. The server of a test binary takes some 200 MB.
const roomy = 2 << 30

// parentDir says where the server's directory goes: into memory where there is room, as copying the template makes
// hundreds of files, which takes a disk several times as long; else to the usual place for temporary files. A test binary
// that is killed leaves dotyk-pg-* behind in either.
func parentDir() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < roomy {
		return ""
	}
	return memory
}
