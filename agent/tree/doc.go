// SPDX-License-Identifier: MPL-2.0

// Package tree turns files on disk into a tar and a tar into files on disk, as
// fast as the machine allows and without trust in what a tar says.
//
// Packing walks the folders while workers read small files ahead and make
// whole entries of them; what is written out is in the order of the walk.
// Unpacking reads entries in order and has workers write the files. Both need
// memory for what is under way, and for one line per folder and hard link, but
// not for files.
//
// Kept are names of any length and bytes, symbolic links as they are, hard
// links among the files of a root, permissions, the sticky bit of folders,
// modification times to the nanosecond, empty folders, and holes of files larger
// than 128 KiB. Not kept are owners (files belong to who unpacks), set-user-ID
// and set-group-ID bits, extended attributes and capabilities, and sockets, pipes
// and devices, of which packing tells. A file that changes while it is read has
// the length that it had at first; one that cannot be read is an error.
//
// The tar is in the PAX format, and a file with holes is as GNU tar has it since
// version 1.0 of its format: the map of where the data lies comes before that.
// Tests hold all of it to GNU tar.
//
// # What cannot happen
//
// A tar cannot make Unpack write outside the folders that it was given. Names
// that are absolute, empty, or hold "..", and entries of other kinds are
// refused; folders are opened through os.Root, which follows no symbolic link
// out of it; and a file is made by its last name below an open folder, new and
// never through a link. Symbolic links may point anywhere, as they did where
// they were packed: whoever follows them later does so with rights of their own.
//
// A folder of the tar takes the place of a symbolic link that is in its way, a
// file that of any file or link; a folder that is in a file's way is an error.
package tree
