package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
)

// apiListener listens where the section api says, with TLS if it is configured. Certificate and authority
// are read again for every connection, so that renewing them needs no restart.
func apiListener(c config) (net.Listener, error) {
	l, err := net.Listen("tcp", c.text("api.listen"))
	if err != nil {
		return nil, fmt.Errorf("listen for the API: %w", err)
	}
	encryption, err := apiTLS(c)
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	if encryption == nil {
		return l, nil
	}
	return tls.NewListener(l, encryption), nil
}

func apiTLS(c config) (*tls.Config, error) {
	if c.text("api.tlsCert") == "" {
		return nil, nil
	}
	if _, err := apiTLSNow(c); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return apiTLSNow(c) },
	}, nil
}

// apiTLSNow is what the files say at this moment.
func apiTLSNow(c config) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(c.text("api.tlsCert"), c.text("api.tlsKey"))
	if err != nil {
		return nil, fmt.Errorf("read the API's certificate: %w", err)
	}
	t := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{pair},
	}
	if ca := c.text("api.tlsClientCA"); ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("read the API's certificate authority: %w", err)
		}
		t.ClientCAs, t.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
		if !t.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the API's certificate authority: %s holds no certificate in PEM", ca)
		}
	}
	return t, nil
}

// apiURL is where others reach the API: the address that it listens on, or for all addresses the node's
// preferred one.
func apiURL(l net.Listener, encrypted bool, addresses []string) string {
	scheme := "http"
	if encrypted {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		if len(addresses) == 0 {
			return ""
		}
		host = addresses[0]
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
