// SPDX-License-Identifier: MPL-2.0

package settings

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Settings are the parts of the file that are not a service's own.
type Settings struct {
	Log      Log      `hcl:"log,block"`
	Listen   Listen   `hcl:"listen,block"`
	TLS      TLS      `hcl:"tls,block"`
	Store    Store    `hcl:"store,block"`
	Objects  Objects  `hcl:"objects,block"`
	Secrets  Secrets  `hcl:"secrets,block"`
	Catalog  Catalog  `hcl:"catalog,block"`
	Workload Workload `hcl:"workload,block"`
	Cluster  Cluster  `hcl:"cluster,block"`

	blocks map[string]*hcl.Block // of services, by name
	dir    string                // of the file, for file()
	env    func(string) string   // for env()
}

// Log says what is logged and how.
type Log struct {
	Level string `hcl:"level,optional"` // trace, debug, info (default), warn, error
	JSON  bool   `hcl:"json,optional"`  // one JSON object a line; default false
}

// Listen says where the process answers.
type Listen struct {
	Internal string `hcl:"internal,optional"` // other services, /ready and /metrics; default 127.0.0.1:9000
	Public   string `hcl:"public,optional"`   // the gateway's API; default 127.0.0.1:8080
	Output   string `hcl:"output,optional"`   // agents and readers of output; default 127.0.0.1:8585
}

// TLS is the certificate with which the gateway answers https. Without one it
// answers http, behind a proxy that has a certificate of its own.
type TLS struct {
	Certificate string `hcl:"certificate,optional"` // PEM file, with its chain; read again when it changes
	Key         string `hcl:"key,optional"`         // PEM file of its key
}

// Store is the database.
type Store struct {
	Driver string `hcl:"driver,optional"` // postgres or sqlite (default)
	DSN    string `hcl:"dsn,optional"`    // a postgres:// URL, or a folder for sqlite
}

// Objects is the bucket.
type Objects struct {
	URL string `hcl:"url,optional"` // file:///folder or s3://bucket?region=...
}

// Secrets is what encrypts at rest.
type Secrets struct {
	Driver    string `hcl:"driver,optional"`     // vault or keyset (default)
	Dir       string `hcl:"dir,optional"`        // keyset: the folder of the encrypted key file
	Address   string `hcl:"address,optional"`    // vault: its URL
	TokenFile string `hcl:"token_file,optional"` // vault: a file with a token, read again when it changes
	Transit   string `hcl:"transit,optional"`    // vault: mount of the transit engine; default muster-transit
	KV        string `hcl:"kv,optional"`         // vault: mount of the KV v2 engine; default muster
}

// Catalog is how services find one another.
type Catalog struct {
	Driver    string `hcl:"driver,optional"` // consul or memory (default): all services in this process
	Address   string `hcl:"address,optional"`
	TokenFile string `hcl:"token_file,optional"`
}

// Workload is how processes prove who they are.
type Workload struct {
	Driver    string `hcl:"driver,optional"`     // nomad or local (default): an issuer of our own
	JWKS      string `hcl:"jwks,optional"`       // nomad: URL of /.well-known/jwks.json
	TokenFile string `hcl:"token_file,optional"` // nomad: this allocation's own identity, audience muster-control
	Namespace string `hcl:"namespace,optional"`  // nomad: where the control services run; default muster
	Dir       string `hcl:"dir,optional"`        // local: the folder of the issuer's key
}

// Cluster is where builds run.
type Cluster struct {
	Driver    string   `hcl:"driver,optional"`     // nomad or local (default): child processes and a local Docker engine
	Address   string   `hcl:"address,optional"`    // nomad: its URL
	TokenFile string   `hcl:"token_file,optional"` // nomad: a file with a token
	Namespace string   `hcl:"namespace,optional"`  // nomad: of the builds; default muster-builds
	Templates string   `hcl:"templates,optional"`  // nomad: the folder of docker.nomad.hcl and machine.nomad.hcl
	Classes   string   `hcl:"classes,optional"`    // file of resource classes; default the built-in ones
	OutputURL []string `hcl:"output_url,optional"` // addresses of output as builds reach them
	Agent     string   `hcl:"agent,optional"`      // local: path of muster-agent
	AgentDir  string   `hcl:"agent_dir,optional"`  // nomad: the folder where clients may carry agents; empty: they never do
	// CopiesVolume is the host volume of clients for copies of parts of caches and
	// workspaces, and CopiesDir the folder for machine builds; both nomad.
	CopiesVolume string `hcl:"copies_volume,optional"`
	CopiesDir    string `hcl:"copies_dir,optional"`
	// LayersVolume is the host volume of clients for layers of images; nomad.
	LayersVolume string `hcl:"layers_volume,optional"`
	// ImageLookup says whether placements asks registries what images are, on or
	// off, and TrustedRegistries are hosts that it asks wherever they are; empty
	// ones count as left out. Both nomad.
	ImageLookup       string   `hcl:"image_lookup,optional"`
	TrustedRegistries []string `hcl:"trusted_registries,optional"`
	Bundle            string   `hcl:"bundle,optional"`   // local: PEM file of the authorities that builds trust, for a base_url with a certificate of your own; empty: the system's
	BaseURL           string   `hcl:"base_url,optional"` // address of the API and web, for links that builds see
	Archive           string   `hcl:"archive,optional"`  // nomad: path of muster-agent.tar.gz, which output hands to clients
	Dir               string   `hcl:"dir,optional"`      // local: the folder of running attempts
}

// Load reads a file, and an empty path as an empty file. Services are the names
// of the blocks that belong to services; any other unknown name is an error.
// Defaults that need a folder use dataDir.
func Load(path, dataDir string, services []string) (*Settings, error) {
	var src []byte
	if path != "" {
		var err error
		if src, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("reading the settings: %w", err)
		}
	}
	return parse(path, src, dataDir, services, os.Getenv)
}

// Check is Load for a file whose environment is not there: a variable that is
// not set stands for itself.
func Check(path, dataDir string, services []string) (*Settings, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the settings: %w", err)
	}
	return parse(path, src, dataDir, services, func(name string) string { return cmp.Or(os.Getenv(name), unset+name) })
}

// unset begins a value that only an environment to come will tell.
const unset = "$"

// Parse is Load for text that is at hand.
func Parse(path string, src []byte, dataDir string, services []string) (*Settings, error) {
	return parse(path, src, dataDir, services, os.Getenv)
}

func parse(path string, src []byte, dataDir string, services []string, env func(string) string) (*Settings, error) {
	file, diags := hclsyntax.ParseConfig(src, path, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, describe(diags, path, src)
	}
	s := &Settings{blocks: map[string]*hcl.Block{}, dir: filepath.Dir(path), env: env}
	content, diags := file.Body.Content(schema(services))
	if diags.HasErrors() {
		return nil, describe(diags, path, src)
	}
	targets := s.targets()
	for _, block := range content.Blocks {
		if s.blocks[block.Type] != nil {
			return nil, fmt.Errorf("%s: a second block %q; the first is at %s", block.DefRange, block.Type, s.blocks[block.Type].DefRange)
		}
		s.blocks[block.Type] = block
		if target, ok := targets[block.Type]; ok {
			if err := s.decode(block.Body, target); err != nil {
				return nil, err
			}
		}
	}
	s.fill(dataDir)
	return s, s.validate()
}

// targets are the platform's blocks by name.
func (s *Settings) targets() map[string]any {
	return map[string]any{
		"log": &s.Log, "listen": &s.Listen, "tls": &s.TLS, "store": &s.Store, "objects": &s.Objects, "secrets": &s.Secrets,
		"catalog": &s.Catalog, "workload": &s.Workload, "cluster": &s.Cluster,
	}
}

func schema(services []string) *hcl.BodySchema {
	names := slices.Clone(services)
	for name := range (&Settings{}).targets() {
		names = append(names, name)
	}
	schema := &hcl.BodySchema{}
	for _, name := range names {
		schema.Blocks = append(schema.Blocks, hcl.BlockHeaderSchema{Type: name})
	}
	return schema
}

// Service decodes the block of a service into its config, which holds the
// defaults already. Without a block it is left as it is.
func (s *Settings) Service(name string, config any) error {
	block := s.blocks[name]
	if block == nil {
		return nil
	}
	return s.decode(block.Body, config)
}

// set gives *field a value when it has none.
func set(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// fill sets the defaults.
func (s *Settings) fill(dataDir string) {
	set(&s.Log.Level, "info")
	set(&s.Listen.Internal, "127.0.0.1:9000")
	set(&s.Listen.Public, "127.0.0.1:8080")
	set(&s.Listen.Output, "127.0.0.1:8585")
	set(&s.Store.Driver, "sqlite")
	if s.Store.Driver == "sqlite" {
		set(&s.Store.DSN, filepath.Join(dataDir, "db"))
	}
	set(&s.Objects.URL, "file://"+filepath.ToSlash(filepath.Join(dataDir, "objects")))
	set(&s.Secrets.Driver, "keyset")
	set(&s.Secrets.Dir, filepath.Join(dataDir, "keys"))
	set(&s.Secrets.Transit, "muster-transit")
	set(&s.Secrets.KV, "muster")
	set(&s.Catalog.Driver, "memory")
	set(&s.Workload.Driver, "local")
	set(&s.Workload.Dir, filepath.Join(dataDir, "keys"))
	set(&s.Workload.Namespace, "muster")
	set(&s.Cluster.Driver, "local")
	set(&s.Cluster.Namespace, "muster-builds")
	set(&s.Cluster.ImageLookup, "on")
	set(&s.Cluster.Dir, filepath.Join(dataDir, "attempts"))
	set(&s.Cluster.BaseURL, s.Scheme()+s.Listen.Public)
	if len(s.Cluster.OutputURL) == 0 {
		s.Cluster.OutputURL = []string{"http://" + s.Listen.Output}
	}
}

// Scheme begins the gateway's own address: http:// or https://.
func (s *Settings) Scheme() string {
	if s.TLS.Certificate != "" {
		return "https://"
	}
	return "http://"
}

// validate names the block, the attribute and the permitted values.
func (s *Settings) validate() error {
	for _, choice := range []struct{ name, value, permitted string }{
		{"log.level", s.Log.Level, "trace debug info warn error"},
		{"store.driver", s.Store.Driver, "postgres sqlite"},
		{"secrets.driver", s.Secrets.Driver, "vault keyset"},
		{"catalog.driver", s.Catalog.Driver, "consul memory"},
		{"workload.driver", s.Workload.Driver, "nomad local"},
		{"cluster.driver", s.Cluster.Driver, "nomad local"},
		{"cluster.image_lookup", s.Cluster.ImageLookup, "on off"},
	} {
		if !strings.HasPrefix(choice.value, unset) && !slices.Contains(strings.Fields(choice.permitted), choice.value) {
			return fmt.Errorf("%s is %q; permitted are: %s", choice.name, choice.value, strings.ReplaceAll(choice.permitted, " ", ", "))
		}
	}
	for _, need := range []struct {
		name, value string
		needed      bool
	}{
		{"store.dsn", s.Store.DSN, s.Store.Driver == "postgres"},
		{"secrets.address", s.Secrets.Address, s.Secrets.Driver == "vault"},
		{"catalog.address", s.Catalog.Address, s.Catalog.Driver == "consul"},
		{"workload.jwks", s.Workload.JWKS, s.Workload.Driver == "nomad"},
		{"workload.token_file", s.Workload.TokenFile, s.Workload.Driver == "nomad"},
		{"cluster.address", s.Cluster.Address, s.Cluster.Driver == "nomad"},
		{"cluster.templates", s.Cluster.Templates, s.Cluster.Driver == "nomad"},
		{"cluster.archive", s.Cluster.Archive, s.Cluster.Driver == "nomad"},
		{"tls.key", s.TLS.Key, s.TLS.Certificate != ""},
		{"tls.certificate", s.TLS.Certificate, s.TLS.Key != ""},
	} {
		if need.needed && need.value == "" {
			return fmt.Errorf("%s is missing: what else its block says needs it", need.name)
		}
	}
	if s.Cluster.Driver == "nomad" && s.Cluster.Agent != "" {
		return errors.New("cluster.agent is for the driver local; on nomad name the folder where clients carry agents as cluster.agent_dir")
	}
	return nil
}
