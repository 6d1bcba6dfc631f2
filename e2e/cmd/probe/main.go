// SPDX-License-Identifier: MPL-2.0

// Command probe tries, from inside a build, the system calls by which one process
// gets at another of its user, with the agent as the other. It prints a line
// "found: ..." for each that works and ends with 1 if there is any.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// agent is the process id of the agent, the first of its container.
const agent = 1

// The calls that the library does not name or wrap.
const ptraceSeize, kcmpFile = 0x4206, 0

func main() {
	found := false
	for _, try := range []struct {
		what string
		call func() error
	}{
		{"the step has open files of the agent", inherited},
		{"the agent can be traced", func() error { return unix.PtraceAttach(agent) }},
		{"the agent can be seized", func() error { return ptrace(ptraceSeize, agent) }},
		{"the agent's memory can be read", readMemory},
		{"the agent's memory can be written", writeMemory},
		{"the agent's memory can be opened", func() error { return open("mem", unix.O_RDWR) }},
		{"the agent's maps can be read", func() error { return open("maps", unix.O_RDONLY) }},
		{"the agent's system calls can be read", func() error { return open("syscall", unix.O_RDONLY) }},
		{"the agent's pages can be read", func() error { return open("pagemap", unix.O_RDONLY) }},
		{"the agent's namespaces can be opened", func() error { return open("ns/mnt", unix.O_RDONLY) }},
		{"the agent's open files can be taken", takeFile},
		{"the agent's open files can be compared", compareFiles},
		{"events of the kernel can be watched", watchEvents},
		{"programs can be loaded into the kernel", loadProgram},
		{"keys of others can be listed", func() error { return open("../keys", unix.O_RDONLY) }},
		{"a socket without a file listens", abstractSocket},
	} {
		if err := try.call(); err == nil {
			fmt.Println("found:", try.what)
			found = true
		} else {
			fmt.Printf("not so: %s: %v\n", try.what, err)
		}
	}
	if found {
		os.Exit(1)
	}
}

// inherited looks at the files that this process began with: the first tries must
// not open any.
func inherited() error {
	for fd := 3; fd < 1024; fd++ {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			name, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
			if strings.HasPrefix(name, "/sys/fs/cgroup/") {
				continue // Go's own runtime looks at the limits
			}
			fmt.Printf("  %d is %s\n", fd, name)
			return nil
		}
	}
	return errors.New("it has three")
}

func failed(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

func ptrace(request, pid uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, request, pid, 0, 0, 0, 0)
	return failed(errno)
}

func vectors() (local []unix.Iovec, remote []unix.RemoteIovec) {
	buffer := make([]byte, 16)
	return []unix.Iovec{{Base: &buffer[0], Len: uint64(len(buffer))}}, []unix.RemoteIovec{{Base: 0xc000000000, Len: len(buffer)}} // where Go's heap begins
}

func readMemory() error {
	local, remote := vectors()
	_, err := unix.ProcessVMReadv(agent, local, remote, 0)
	return err
}

func writeMemory() error {
	local, remote := vectors()
	_, err := unix.ProcessVMWritev(agent, local, remote, 0)
	return err
}

func open(name string, flags int) error {
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/%s", agent, name), flags, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, make([]byte, 1))
	switch {
	case strings.HasPrefix(name, "ns/"), err == unix.EIO: // opened; nothing is at the beginning of memory
		return nil
	case err == nil && n == 0:
		return errors.New("it is empty") // the container's runtime has put nothing in its place
	}
	return err
}

func takeFile() error {
	fd, err := unix.PidfdOpen(agent, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for number := range 64 {
		var taken int
		if taken, err = unix.PidfdGetfd(fd, number, 0); err == nil {
			return unix.Close(taken)
		}
	}
	return err
}

func compareFiles() error {
	_, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(os.Getpid()), agent, kcmpFile, 0, 0, 0)
	return failed(errno)
}

func watchEvents() error {
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Size: uint32(unsafe.Sizeof(unix.PerfEventAttr{}))}, agent, -1, -1, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func loadProgram() error {
	attributes := make([]byte, 128) // of a map: its kind is not there, which only who may make maps is told
	_, _, errno := unix.Syscall(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attributes[0])), uintptr(len(attributes)))
	if errno == unix.EINVAL {
		return nil
	}
	return failed(errno)
}

// abstractSocket looks for sockets that have no file, which no permission
// guards.
func abstractSocket() error {
	file, err := os.Open("/proc/net/unix")
	if err != nil {
		return err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if _, name, ok := strings.Cut(lines.Text(), " @"); ok {
			fmt.Println("  @" + name)
			return nil
		}
	}
	return errors.New("there is none")
}
