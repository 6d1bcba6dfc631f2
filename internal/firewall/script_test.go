// SPDX-License-Identifier: MPL-2.0

package firewall

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-ci/muster/core"
	"github.com/muster-ci/muster/internal/testx"
)

func TestMistakesAreTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]Config{
		"no bridge":     {},
		"not a bridge":  {Bridges: []string{"nomad; reboot"}},
		"not a site":    {Bridges: []string{"nomad"}, Sites: []string{"here"}},
		"not a service": {Bridges: []string{"nomad"}, Allow: []string{"vault:8200"}},
	} {
		if script, err := Script(c); core.ErrorCode(err) != core.CodeInvalid || script != "" {
			t.Errorf("%s: got %v, want a mistake", name, err)
		}
	}
}

// TestFilter puts a build, its client and another machine into network
// namespaces and has the build knock at doors, before and after the script,
// which is run twice.
func TestFilter(t *testing.T) {
	t.Parallel()
	testx.OnlyWithTools(t)
	if os.Getuid() != 0 {
		t.Fatal("this needs root, for network namespaces")
	}
	id := fmt.Sprint(os.Getpid())
	client, build, other := "mc"+id, "mb"+id, "mo"+id
	for _, ns := range []string{client, build, other} {
		sh(t, "ip netns add "+ns+" && ip -n "+ns+" link set lo up")
		t.Cleanup(func() { _ = exec.Command("ip", "netns", "delete", ns).Run() })
	}
	sh(t, fmt.Sprintf(`
ip -n %[1]s link add nomad type bridge && ip -n %[1]s addr add 172.26.64.1/20 dev nomad && ip -n %[1]s link set nomad up
ip -n %[1]s link add port type veth peer name eth0 netns %[2]s && ip -n %[1]s link set port master nomad up
ip -n %[2]s addr add 172.26.64.2/20 dev eth0 && ip -n %[2]s link set eth0 up && ip -n %[2]s route add default via 172.26.64.1
ip -n %[1]s link add eth0 type veth peer name eth0 netns %[3]s && ip -n %[1]s addr add 10.1.1.1/24 dev eth0 && ip -n %[1]s link set eth0 up
ip -n %[3]s addr add 10.1.1.2/24 dev eth0 && ip -n %[3]s addr add 169.254.169.254/32 dev eth0 && ip -n %[3]s link set eth0 up && ip -n %[3]s route add default via 10.1.1.1
ip -n %[1]s route add 169.254.169.254/32 dev eth0
ip netns exec %[1]s sysctl -qw net.ipv4.ip_forward=1`, client, build, other))
	doors := map[string]bool{ // whether it may stay open
		"10.1.1.2:80": true, "10.1.1.2:8585": true, "172.26.64.1:8585": true, "10.1.1.2:8200": true,
		"169.254.169.254:80": false, "172.26.64.1:4646": false, "172.26.64.1:8500": false, "10.1.1.1:8200": false,
		"10.1.1.2:4647": false, "10.1.1.2:2375": false,
	}
	for door := range doors {
		ns := client
		if strings.HasPrefix(door, "10.1.1.2:") || strings.HasPrefix(door, "169.254.") {
			ns = other
		}
		listen(t, ns, door)
	}
	open := func(door string) (err error) {
		inside(t, build, func() {
			var c net.Conn
			if c, err = net.DialTimeout("tcp", door, 5*time.Second); err == nil {
				err = c.Close()
			}
		})
		return err
	}
	for door := range doors {
		if err := open(door); err != nil {
			t.Fatalf("%s cannot be reached before the filter is there: %v", door, err)
		}
	}
	c := Default()
	c.Allow = []string{"10.1.1.2:8200"}
	script, err := Script(c)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		sh(t, "ip netns exec "+client+" sh <<'END'\n"+script+"END")
	}
	for door, want := range doors {
		if err := open(door); (err == nil) != want {
			t.Errorf("%s: got %v, want it open: %t", door, err, want)
		}
	}
	if script, err = Remove(c); err != nil {
		t.Fatal(err)
	}
	sh(t, "ip netns exec "+client+" sh <<'END'\n"+script+"END")
	for door := range doors {
		if err := open(door); err != nil {
			t.Errorf("%s cannot be reached after the filter was removed: %v", door, err)
		}
	}
}

// listen takes connections in a namespace until the test ends.
func listen(t *testing.T, ns, address string) {
	t.Helper()
	var l net.Listener
	var err error
	inside(t, ns, func() { l, err = net.Listen("tcp", address) })
	if err != nil {
		t.Fatalf("listening: %v", err)
	}
	t.Cleanup(func() { l.Close() })
}

// inside runs f in a network namespace, on a thread that ends with it.
func inside(t *testing.T, ns string, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: no other goroutine gets the thread
		file, err := os.Open("/run/netns/" + ns)
		if err == nil {
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
			file.Close()
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatalf("entering the namespace %s: %v", ns, err)
	}
}

func sh(t *testing.T, script string) {
	t.Helper()
	if out, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
}
