// Package vcenter serves the vCenter API on govmomi's simulator, with virtual machines that are real.
//
// The simulator keeps the inventory. For everything that concerns a machine, this package stands between it and the client:
// it applies API calls to QEMU and publishes what QEMU and the guest do. It refuses calls that the lab cannot perform.
package vcenter

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"

	// Endpoints that clients look for: storage policies and REST sessions.
	_ "github.com/vmware/govmomi/pbm/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"

	"smt-ha/lab/internal/settings"
)

// Server is a vCenter.
type Server struct{ http *simulator.Server }

// Start serves the vCenter API at address (host:port), with the machines of an earlier run. The template's disk has
// templateDisk bytes.
func Start(state settings.State, hypervisor Hypervisor, templateDisk int64, address string) (*Server, error) {
	certificate, err := loadCertificate(state.Path("vcenter.pem"), address)
	if err != nil {
		return nil, err
	}
	service, err := newInventory(state, hypervisor, templateDisk)
	if err != nil {
		return nil, err
	}
	service.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	service.Listen = &url.URL{Host: address, User: url.UserPassword(settings.VCenterUser, settings.VCenterPassword)}
	service.RegisterEndpoints = true
	server := service.NewServer()
	server.Config.Handler = refuseREST(server.Config.Handler)
	return &Server{server}, nil
}

// Close stops serving. Machines keep running.
func (s *Server) Close() { s.http.Close() }

// refuseREST refuses the REST services, which the simulator would only pretend to perform (content libraries, tags, …).
// Exceptions are the sessions that clients open first, and listing an object's tags: there are none.
func refuseREST(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var served bool
		switch r.URL.Path {
		case "/rest/com/vmware/cis/session", "/api/session":
			served = true
		case "/rest/com/vmware/cis/tagging/tag-association":
			served = r.URL.Query().Get("~action") == "list-attached-tags"
		default:
			served = !strings.HasPrefix(r.URL.Path, "/rest/") && !strings.HasPrefix(r.URL.Path, "/api/")
		}
		if !served {
			log.Printf("refused %s %s", r.Method, r.URL)
			http.Error(w, "the lab's vCenter has no "+r.URL.Path, http.StatusNotImplemented)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// loadCertificate reads the server's self-signed certificate and key from file. It creates the file if there is none.
func loadCertificate(file, address string) (tls.Certificate, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if content, err = newCertificate(address); err == nil {
			err = os.WriteFile(file, content, 0o600)
		}
	}
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(content, content)
}

func newCertificate(address string) ([]byte, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", address, err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "vcenter.lab"},
		IPAddresses:  []net.IP{net.ParseIP(host)},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(10, 0, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...), nil
}
