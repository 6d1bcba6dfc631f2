// SPDX-License-Identifier: MPL-2.0

package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/muster-ci/muster/internal/secrets"
)

// The bucket is a folder with an S3 server in front. Its port is none of those
// that builds are kept from: their agents send to it.
const (
	bucketName   = "muster"
	bucketPort   = "7070"
	bucketKey    = "muster"
	bucketRegion = "us-east-1"
)

// Keeping are the control services that use the bucket.
var Keeping = []string{"gateway", "configs", "pipelines", "output"}

func (c *Cluster) bucketServer() process { return process{"bucket", c.Dir} }

// bucket starts the server and gives the services its key, by way of Vault.
func (c *Cluster) bucket(ctx context.Context) error {
	if err := c.StartBucket(ctx); err != nil {
		return err
	}
	secret, err := c.bucketSecret()
	if err != nil {
		return err
	}
	vault, err := secrets.NewVault(secrets.VaultConfig{Address: VaultAddress, Token: vaultToken, StoreMount: "muster"})
	if err != nil {
		return err
	}
	for _, name := range Keeping {
		err := vault.Put(ctx, "services/"+name+"/objects", map[string]string{"access_key_id": bucketKey, "secret_access_key": secret})
		if err != nil {
			return fmt.Errorf("giving %s the key of the bucket: %w", name, err)
		}
	}
	return nil
}

// bucketSecret is made once for each life of the bucket.
func (c *Cluster) bucketSecret() (string, error) {
	file := filepath.Join(c.Dir, "bucket.key")
	if secret, err := os.ReadFile(file); err == nil {
		return string(secret), nil
	}
	secret := rand.Text()
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		return "", fmt.Errorf("keeping the key of the bucket: %w", err)
	}
	return secret, nil
}

// StartBucket starts the S3 server when it does not run, with all that the
// bucket held, and returns when it answers.
func (c *Cluster) StartBucket(ctx context.Context) error {
	secret, err := c.bucketSecret()
	if err != nil {
		return err
	}
	objects := filepath.Join(c.Dir, "objects")
	if err := os.MkdirAll(filepath.Join(objects, bucketName), 0o755); err != nil {
		return fmt.Errorf("making the bucket: %w", err)
	}
	err = c.bucketServer().start([]string{"ROOT_ACCESS_KEY=" + bucketKey, "ROOT_SECRET_KEY=" + secret}, c.tool("versitygw"),
		"--port=:"+bucketPort, "--region="+bucketRegion, "--keep-alive", "--quiet", "--health=/health", "posix", objects)
	if err != nil {
		return err
	}
	return c.answers(ctx, "bucket", "http://127.0.0.1:"+bucketPort+"/health")
}

// KillBucket ends the S3 server as a crash would: what is under way is cut.
func (c *Cluster) KillBucket(ctx context.Context) error {
	return c.bucketServer().stop(ctx, syscall.SIGKILL, 5*time.Second)
}

// bucketVariables tell a service's job file where the bucket is. Agents in
// containers use the same address.
func (c *Cluster) bucketVariables() []string {
	endpoint := url.URL{Scheme: "http", Host: net.JoinHostPort(c.address, bucketPort)}
	query := url.Values{"region": {bucketRegion}, "s3ForcePathStyle": {"true"}, "endpoint": {endpoint.String()}}
	return []string{"-var=objects_url=s3://" + bucketName + "?" + query.Encode(), "-var=objects_secret=true"}
}

// Objects returns the keys of the bucket's objects below a prefix that ends with
// a slash, out of the server's folder: also while it is away.
func (c *Cluster) Objects(prefix string) ([]string, error) {
	var keys []string
	root := filepath.Join(c.Dir, "objects", bucketName)
	err := filepath.WalkDir(filepath.Join(root, prefix), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // none yet, or removed meanwhile
		}
		if err == nil && entry.Type().IsRegular() {
			keys = append(keys, strings.TrimPrefix(path, root+"/"))
		}
		return err
	})
	return keys, err
}

// AwaitObject waits until there is an object below the prefix that was not among
// those of before.
func (c *Cluster) AwaitObject(ctx context.Context, prefix string, before []string) error {
	known := map[string]bool{}
	for _, key := range before {
		known[key] = true
	}
	wait, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err := poll(wait, 5*time.Millisecond, func() (bool, error) {
		keys, err := c.Objects(prefix)
		for _, key := range keys {
			if !known[key] {
				return true, err
			}
		}
		return false, err
	})
	if err != nil {
		return fmt.Errorf("waiting for an object below %s: %w", prefix, err)
	}
	return nil
}

// ForgetCopies removes what clients keep of parts, so that they are fetched.
func (c *Cluster) ForgetCopies() error {
	found, err := filepath.Glob(filepath.Join(c.Dir, "copies", "*", "*"))
	if err != nil {
		return fmt.Errorf("listing copies: %w", err)
	}
	for _, path := range found {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing copies: %w", err)
		}
	}
	return nil
}
