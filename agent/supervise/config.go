// SPDX-License-Identifier: MPL-2.0

package supervise

import (
	"cmp"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/muster-ci/muster/agent/execute"
	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/wire"
)

// Variables of the agent's own, beside those of package wire.
const (
	// EnvBaseURL names the address of the user interface, for CIRCLE_BUILD_URL.
	EnvBaseURL = "MUSTER_BASE_URL"
	// EnvGrace is how long a build has from SIGTERM to SIGKILL, such as 10s. The
	// kill_timeout of the Nomad task should be some seconds more.
	EnvGrace = "MUSTER_KILL_GRACE"
	// EnvSpoolBytes is how much output may wait on the disk while output is away,
	// before the build waits too, such as 536870912.
	EnvSpoolBytes = "MUSTER_SPOOL_BYTES"
	// EnvStall is after how long a transfer with the object store counts as cut in
	// which nothing moves.
	EnvStall = "MUSTER_TRANSFER_STALL"
	// EnvPatience is how long workspaces, artifacts and test results are tried
	// for when the object store or output fails, and EnvCachePatience caches.
	EnvPatience      = "MUSTER_TRANSFER_PATIENCE"
	EnvCachePatience = "MUSTER_CACHE_PATIENCE"
	// EnvCacheLimit is how long saving or restoring a cache may take, however
	// well it goes: a build can do without.
	EnvCacheLimit = "MUSTER_CACHE_LIMIT"
	// EnvYield is how long node 0 of a job waits before its deploy step for nodes
	// that were lost and find no place again, before it gives its own back.
	EnvYield = "MUSTER_DEPLOY_YIELD"
)

// Config is what an agent is started with.
type Config struct {
	Version      string
	Host         string        // for people; "" means the host name
	Addresses    []string      // of output, tried in turn
	IdentityFile string        // read again at each claim, and removed after the one that counts
	SpoolDir     string        // a folder on the allocation's disk; "" means the system's temporary one
	SpoolBytes   int64         // on disk before the build waits; 0 means 512 MiB
	BaseURL      string        // of the user interface; may be empty
	Engine       string        // address of the job's own Docker engine; may be empty
	Layers       bool          // the engine keeps layers between jobs
	APIURL       string        // of the API as builds reach it; "" means BaseURL
	Bundle       string        // PEM file of the authorities that builds trust; "" means the system's
	ClaimFor     time.Duration // how long a claim is tried; 0 means 10 min
	Linger       time.Duration // how long an ended build's report is tried; 0 means 6 h
	Grace        time.Duration // from SIGTERM to SIGKILL; 0 means 10 s
	CopiesDir    string        // of the client, for parts of archives; "" means none
	CopiesBytes  int64         // that they may take; 0 means 10 GiB
	Environ      []string      // of the image; what is the agent's own is taken out of it
	LinkDir      string        // of a container, for links to the commands of its job; "" means none
	Transfers    Transfers
	Yield        time.Duration // of a node that is to deploy, see EnvYield; 0 means 2 min
	SSH          execute.SSHConfig
}

// Transfers is how long the object store, and output where it is asked about
// what lies there, may fail.
type Transfers struct {
	Stall         time.Duration // without a sign of progress; 0 means 60 s
	Patience      time.Duration // of what a build cannot do without; 0 means 10 min
	CachePatience time.Duration // of caches; 0 means 1 min
	CacheLimit    time.Duration // of one cache, also if nothing fails; 0 means 30 min
}

// FromEnviron reads the variables of package wire and those above.
func FromEnviron(environ []string) (Config, error) {
	c := Config{Environ: environ}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		switch name {
		case wire.EnvOutputURL:
			c.Addresses = addresses(value)
		case wire.EnvIdentityFile:
			c.IdentityFile = value
		case wire.EnvSpoolDir:
			c.SpoolDir = value
		case wire.EnvCopiesDir:
			c.CopiesDir = value
		case EnvBaseURL:
			c.BaseURL = value
		case wire.EnvAPIURL:
			c.APIURL = value
		case wire.EnvBundle:
			c.Bundle = value
		case wire.EnvSSHListen:
			c.SSH.Listen = value
		case wire.EnvSSHAddress:
			c.SSH.Address = value
		case wire.EnvEngine:
			c.Engine = value
		case wire.EnvLayers:
			c.Layers = value == "true"
		default:
			if err := c.amount(name, value); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// amount reads the variables that are a length of time or a number of bytes.
func (c *Config) amount(name, value string) error {
	times := map[string]*time.Duration{EnvGrace: &c.Grace, EnvStall: &c.Transfers.Stall, EnvPatience: &c.Transfers.Patience,
		EnvCachePatience: &c.Transfers.CachePatience, EnvCacheLimit: &c.Transfers.CacheLimit, EnvYield: &c.Yield}
	sizes := map[string]*int64{wire.EnvCopiesBytes: &c.CopiesBytes, EnvSpoolBytes: &c.SpoolBytes}
	if into := times[name]; into != nil {
		length, err := time.ParseDuration(value)
		if err != nil || length <= 0 {
			return core.Errorf(core.CodeInvalid, "%q in %s is no length of time: write it like 10s", value, name)
		}
		*into = length
	}
	if into := sizes[name]; into != nil {
		bytes, err := strconv.ParseInt(value, 10, 64)
		if err != nil || bytes <= 0 {
			return core.Errorf(core.CodeInvalid, "%q in %s is no number of bytes: write it like 10737418240", value, name)
		}
		*into = bytes
	}
	return nil
}

func addresses(list string) []string {
	var all []string
	for _, address := range strings.Split(list, ",") {
		if address = strings.TrimSpace(address); address != "" {
			all = append(all, address)
		}
	}
	return all
}

// Validate fills in defaults and says what is missing, with the way out.
func (c *Config) Validate() error {
	if len(c.Addresses) == 0 {
		return core.Errorf(core.CodeInvalid, "no address of output: set %s, for example to http://127.0.0.1:8585", wire.EnvOutputURL)
	}
	for _, address := range c.Addresses {
		if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
			return core.Errorf(core.CodeInvalid, "%q in %s is no URL: write http://host:port", address, wire.EnvOutputURL)
		}
	}
	if c.IdentityFile == "" {
		return core.Errorf(core.CodeInvalid, "no workload identity: set %s to the file that holds it", wire.EnvIdentityFile)
	}
	c.SpoolDir = cmp.Or(c.SpoolDir, os.TempDir())
	c.SpoolBytes = cmp.Or(c.SpoolBytes, 512<<20)
	c.ClaimFor = cmp.Or(c.ClaimFor, 10*time.Minute)
	c.Linger = cmp.Or(c.Linger, 6*time.Hour)
	c.Grace = cmp.Or(c.Grace, 10*time.Second)
	if c.Host == "" {
		c.Host, _ = os.Hostname() // for people only
	}
	return nil
}
