// SPDX-License-Identifier: MPL-2.0

package ssh

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/pkg/sftp"
)

// SFTPCommand is the argument with which muster-agent serves sftp on its
// standard files.
const SFTPCommand = "sftp-server"

// ServeSFTP serves files from the folder that the process stands in until its
// input ends.
func ServeSFTP() error {
	directory, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("finding the working directory: %w", err)
	}
	server, err := sftp.NewServer(standard{os.Stdin, os.Stdout}, sftp.WithServerWorkingDirectory(directory))
	if err != nil {
		return fmt.Errorf("starting sftp: %w", err)
	}
	if err := server.Serve(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("serving sftp: %w", err)
	}
	return nil
}

// standard is both standard files as one connection.
type standard struct {
	io.Reader
	io.WriteCloser
}
