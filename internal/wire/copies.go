// SPDX-License-Identifier: MPL-2.0

package wire

// Variables that say where an agent keeps copies of what it has sent to the
// object store or fetched from it, for the jobs that come after on its client.
const (
	// EnvCopiesDir names a folder of the client that all its agents may write
	// to; unset keeps no copies. Parts of archives lie in it as they are in the
	// store, encrypted.
	EnvCopiesDir = "MUSTER_COPIES_DIR"
	// EnvCopiesBytes bounds it, such as 20000000000; unset means 10 GiB.
	EnvCopiesBytes = "MUSTER_COPIES_BYTES"
)
