// SPDX-License-Identifier: MPL-2.0

package httpx

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// writeTimeout is how long a reader may take to accept one write.
const writeTimeout = time.Minute

// Patient returns a writer that gives the client a minute for each write, and
// not for all of them: a large download over a slow line is welcome, a stalled
// one is not.
func Patient(w http.ResponseWriter) http.ResponseWriter {
	return &patient{ResponseWriter: w, control: http.NewResponseController(w)}
}

type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

// Write implements io.Writer.
func (p *patient) Write(data []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has deadlines
	return p.ResponseWriter.Write(data)
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// restTimeout is how long a client may take to send the rest of a body that
// nobody wanted to read.
const restTimeout = 3 * time.Second

// boundRest bounds what the server reads after the handler is done: it reads on
// to be able to use the connection again, and without a bound one who was
// refused at the door could hold it for ever. The server lifts the bound itself
// before it reads the next request.
func boundRest(c *gin.Context) {
	c.Next()
	_ = http.NewResponseController(c.Writer).SetReadDeadline(time.Now().Add(restTimeout)) // not every writer has deadlines
}
