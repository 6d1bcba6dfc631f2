// SPDX-License-Identifier: MPL-2.0

// Command muster-agent runs one task of a job: it is the entrypoint of a
// build's primary container, and the child process of an embedded platform.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/muster-ci/muster/agent/circleci"
	"github.com/muster-ci/muster/agent/engine"
	"github.com/muster-ci/muster/agent/process"
	"github.com/muster-ci/muster/agent/ssh"
	"github.com/muster-ci/muster/agent/supervise"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/agentfile"
)

// version is set when a release is built: -ldflags "-X main.version=1.2.3".
var version = "dev"

const help = `Usage: muster-agent [--help | --version | install FOLDER | engine ADDRESS]

Called by the names circleci and circleci-agent it is a command of a job
(circleci --help). Otherwise it runs one task: claims it with the workload identity, runs its steps, and
streams their output. It is started by the platform, with these variables:

  MUSTER_OUTPUT_URL     addresses of the output service, separated by commas,
                        for example http://127.0.0.1:8585
  MUSTER_IDENTITY_FILE  file with the workload identity (a JWT)
  MUSTER_SPOOL_DIR      folder for output that is not delivered yet, up to
                        512 MiB (default: the system's temporary folder)
  MUSTER_COPIES_DIR     folder of the client for copies of what caches and
                        workspaces are made of, up to MUSTER_COPIES_BYTES
                        (default: none, and 10 GiB)
  MUSTER_BASE_URL       address of the user interface, for CIRCLE_BUILD_URL
                        (default: the variable is left out)
  MUSTER_KILL_GRACE     from SIGTERM to SIGKILL of a build (default: 10s)
  MUSTER_SSH_LISTEN     where a job that was rerun with SSH listens, for example
                        :64540, and MUSTER_SSH_ADDRESS the host or host:port
                        that people are shown (default: no port is opened)
  MUSTER_LOG_LEVEL      of the agent's own log on standard error: trace, debug,
                        info, warn or error (default: info)

engine ADDRESS [ARGUMENTS] makes a container fit for a Docker engine and becomes
the dockerd of its image, with these arguments.

install copies this program into a folder of a Nomad client that is to carry
it, under a name that tells its version, and prints the version, which the
client announces in its metadata as muster_agents.

SIGTERM ends the build as a failure of the infrastructure. Exit status: 0 when the end of the task has been
acknowledged, whatever became of the build; 2 started wrongly; 3 the claim was
not answered; 4 refused; 5 the output could not be delivered.
`

func main() {
	if circleci.Names(os.Args[0]) {
		os.Exit(inside())
	}
	if len(os.Args) > 1 {
		os.Exit(flags(os.Args[1:]))
	}
	os.Exit(run())
}

// inside is this program in a step of a job, under another name.
func inside() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	call := circleci.Call{Version: version, Args: os.Args, Environ: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
	return call.Run(ctx)
}

func flags(args []string) int {
	switch args[0] {
	case "engine":
		return becomeEngine(args[1:])
	case "install":
		return install(args[1:])
	case ssh.SFTPCommand: // a child of the agent itself, not for people
		return serveSFTP()
	case "--help", "-h", "help":
		fmt.Print(help)
		return 0
	case "--version", "-v", "version":
		fmt.Println("muster-agent", version)
		return 0
	default:
		fmt.Fprintf(os.Stderr, "muster-agent: unknown argument %q\n\n%s", args[0], help)
		return supervise.ExitUsage
	}
}

func serveSFTP() int {
	if err := ssh.ServeSFTP(); err != nil {
		fmt.Fprintln(os.Stderr, "muster-agent:", err)
		return 1
	}
	return 0
}

// becomeEngine is for the container beside the build's that holds its Docker
// engine.
func becomeEngine(args []string) int {
	layers := ""
	if len(args) > 0 {
		if path, ok := strings.CutPrefix(args[0], "--layers="); ok {
			layers, args = path, args[1:]
		}
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "muster-agent: engine needs the address to listen at, for example tcp://127.0.0.1:2375")
		return supervise.ExitUsage
	}
	fmt.Fprintln(os.Stderr, "muster-agent:", engine.Run(args[0], layers, args[1:]))
	return 1
}

func install(args []string) int {
	if len(args) != 1 {
		fmt.Fprintln(os.Stderr, "muster-agent: install needs the folder, for example /opt/muster/bin")
		return supervise.ExitUsage
	}
	self, err := os.Executable()
	if err == nil {
		var version string
		if version, err = agentfile.Install(self, args[0]); err == nil {
			fmt.Println(version)
			return 0
		}
	}
	fmt.Fprintln(os.Stderr, "muster-agent:", err)
	return 1
}

func run() int {
	debug.SetGCPercent(50) // the build needs the memory more than we need the time
	logger := hclog.New(&hclog.LoggerOptions{Name: "muster-agent", Level: hclog.LevelFromString(os.Getenv("MUSTER_LOG_LEVEL"))})
	if err := process.Harden(); err != nil {
		logger.Warn("the agent's process could not be hardened", "error", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if os.Getpid() == 1 {
		process.Endure()
	}
	processes := process.NewTable()
	go processes.Reap(context.Background()) // also while the build is being stopped
	err := runAgent(ctx, logger, processes)
	if err != nil {
		logger.Error("the agent failed", "error", err)
	}
	return supervise.ExitStatus(err)
}

func runAgent(ctx context.Context, logger hclog.Logger, processes *process.Table) error {
	cfg, err := supervise.FromEnviron(os.Environ())
	if err != nil {
		return err
	}
	cfg.Version = version
	if os.Getpid() == 1 { // a container that is there for this job
		cfg.LinkDir = "/usr/local/bin"
	}
	if cfg.SSH.Program, err = os.Executable(); err != nil {
		logger.Warn("sftp will not work: the agent does not find itself", "error", err)
	}
	agent, err := supervise.New(cfg, supervise.Deps{Logger: logger, Clock: time.Now, NewID: core.NewID,
		Processes: processes, Sweep: process.StopAll})
	if err != nil {
		return err
	}
	return agent.Run(ctx)
}
