// Package upstream serves the lab's RPM repositories, as Novell's update server and others do for a real SMT.
package upstream

import (
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path"
	"strings"

	"smt-ha/lab/internal/settings"
)

// Serve serves a directory at the upstream's address, and logs to the standard output.
func Serve(dir string) error {
	return http.ListenAndServe(settings.Upstream+":80", Handler(dir, os.Stdout))
}

// Ready returns nil when the upstream answers.
func Ready() error {
	response, err := http.Head("http://" + settings.Upstream + "/")
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// Handler serves the files below a directory, supports ranges and lists directories. Below settings.UpstreamProtected it
// requires the mirror's account. It logs a line for each request: address, method, path, range, status.
func Handler(dir string, log io.Writer) http.Handler {
	files := http.FileServer(http.Dir(dir))
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		seen := &recorder{ResponseWriter: response, status: http.StatusOK}
		if strings.HasPrefix(path.Clean(request.URL.Path), settings.UpstreamProtected) && !allowed(request) {
			seen.Header().Set("WWW-Authenticate", `Basic realm="mirror credentials"`)
			http.Error(seen, "401 Authorization Required", http.StatusUnauthorized)
		} else {
			files.ServeHTTP(seen, request)
		}
		client, _, _ := net.SplitHostPort(request.RemoteAddr)
		fmt.Fprintf(log, "%s %s %s %q %d\n", client, request.Method, request.URL.Path, request.Header.Get("Range"), seen.status)
	})
}

func allowed(request *http.Request) bool {
	user, password, _ := request.BasicAuth()
	given, wanted := user+":"+password, settings.UpstreamUser+":"+settings.UpstreamPassword
	return subtle.ConstantTimeCompare([]byte(given), []byte(wanted)) == 1
}

// recorder remembers the status of a response.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}
