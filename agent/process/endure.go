// SPDX-License-Identifier: MPL-2.0

package process

import (
	"os"
	"os/signal"
	"syscall"
)

// Endure has signals do nothing that end a Go program and that nobody outside
// sends the agent. It is for the first process of a container: the kernel keeps
// SIGKILL and SIGSTOP from it there, but what the Go runtime ends itself for, a
// step could send by mistake or to have its job run again.
//
// They are caught and not ignored: ignored ones would stay so in the steps.
func Endure() {
	signal.Notify(make(chan os.Signal, 1), endured...)
}

var endured = []os.Signal{
	syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGUSR1, syscall.SIGSEGV,
	syscall.SIGUSR2, syscall.SIGPIPE, syscall.SIGALRM, syscall.SIGSTKFLT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGXCPU,
	syscall.SIGXFSZ, syscall.SIGVTALRM, syscall.SIGIO, syscall.SIGPWR, syscall.SIGSYS,
}
