package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// TLSFiles names the PEM files of a connection. CA is who may sign the server's certificate, the
// system's authorities where it is empty; Cert and Key prove who we are.
type TLSFiles struct {
	CA, Cert, Key string
	// ServerName is expected in the server's certificate instead of the endpoint's host.
	ServerName string
}

// Config reads the files. Cert and Key are read again at every connection, so that renewing them needs
// no restart. With nothing set it returns nil.
func (f TLSFiles) Config() (*tls.Config, error) {
	if f == (TLSFiles{}) {
		return nil, nil
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("read certificates: a certificate and its key belong together")
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: f.ServerName}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("read certificate authority: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read certificate authority: %s holds no certificate in PEM", f.CA)
		}
	}
	if f.Cert != "" {
		if _, err := f.pair(); err != nil {
			return nil, err
		}
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return f.pair() }
	}
	return c, nil
}

func (f TLSFiles) pair() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("read certificate %s: %w", f.Cert, err)
	}
	return &pair, nil
}
