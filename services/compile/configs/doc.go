// SPDX-License-Identifier: MPL-2.0

// Package configs fetches config files out of repositories and compiles them
// into plans (core.Configs).
//
// It owns the table configs_compiled, which remembers results for a while and
// may be emptied at any time. The pipelines service asks it for every pipeline,
// the gateway for `config validate` and `config process`. It asks the orbs
// service for what configs refer to; uploaded bundles come from the object
// store.
//
// A result is remembered under the config, the parameters and those pipeline
// values that the compilation looked at: a pipeline's number differs each time,
// and hardly any config reads it. References to orbs that can come to mean
// another source are asked for again before a remembered result counts.
package configs
