// SPDX-License-Identifier: MPL-2.0

// Package orbpack makes one source of an orb that is kept as a folder of files,
// and finds orbs in folders and archives that hold many.
//
// An unpacked orb is laid out as CircleCI's tools have it:
//
//	@orb.yml (or orb.yml)     version, description, display, orbs
//	commands/greet.yml        becomes commands.greet
//	jobs/, executors/, examples/ likewise; folders in them only bring order
//	scripts/greet.sh          <<include(scripts/greet.sh)>> puts its text there
//
// A file whose name begins with "@" is merged into the section that its folder
// is; files at the top are merged into the orb itself. Includes count in jobs,
// commands and executors; "<<" in the included text is escaped, so that nothing
// in it is taken for a parameter.
//
// Everything is read through fs.FS, from a folder by os.Root: no name and no link
// leads out of it. Numbers, depths and sizes are bounded.
package orbpack
