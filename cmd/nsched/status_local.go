package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/units"
	"github.com/nsched/nsched/units/registry"
)

// localView is what `nsched status -o json` prints on a machine that is cut off: its own node's word.
type localView struct {
	Node   units.NodeName `json:"node"`
	CutOff node.CutOff    `json:"cutOff"`
	Units  []localUnit    `json:"units"`
}

type localUnit struct {
	Unit   string       `json:"unit"`
	State  units.State  `json:"state"`
	Health units.Health `json:"health,omitempty"`
	Reason units.Reason `json:"reason,omitzero"`
}

// localAnswer is how long this machine's node is waited for.
const localAnswer = 2 * time.Second

// orLocal is a verb's error, unless etcd cannot be reached from here and this machine's node says that it is
// cut off too: then it prints what the node knows of the units that are wanted, and the error has been said.
func (s *session) orLocal(ctx context.Context, err error, wanted func(units.UnitID) bool) error {
	if !errors.Is(err, registry.ErrUnavailable) || ctx.Err() != nil {
		return err
	}
	o, base, asked := s.askLocal(ctx)
	switch {
	case asked != nil:
		return err // there is no node here, or it does not answer either
	case o.CutOff == nil:
		_, _ = fmt.Fprintf(s.errs, "the node of this machine, %s, is in touch with the cluster (%s): check --endpoints and the certificates\n", o.Node, base)
		return err
	}
	s.say(ctx, err, exitUnreachable)
	v := localView{Node: o.Node, CutOff: *o.CutOff, Units: []localUnit{}}
	t := table{columns: []string{"UNIT", "STATE", "HEALTH", "REASON"}}
	for _, u := range o.Units {
		if wanted != nil && !wanted(u.ID) {
			continue
		}
		v.Units = append(v.Units, localUnit{Unit: u.ID.String(), State: u.Status.State, Health: u.Status.Health, Reason: u.Status.Reason})
		t.add(unitName(u.ID), string(u.Status.State), string(u.Status.Health), u.Status.Reason.String())
	}
	_, _ = fmt.Fprintln(s.errs, plainLine(fmt.Sprintf("this machine, node %s, is cut off from the cluster since %s: %s", o.Node, o.CutOff.Since.Format(time.RFC3339), o.CutOff.Reason)))
	_, _ = fmt.Fprintf(s.errs, "%d units run on here; what follows is this node's own word\n", o.CutOff.Running)
	if err := s.print(v, t); err != nil {
		return err
	}
	return &exitError{code: exitUnreachable}
}

// askLocal asks the node of this machine, where its configuration says that it listens.
func (s *session) askLocal(ctx context.Context) (o node.Overview, base string, err error) {
	c, err := nodeConfig().load("", nil)
	if err != nil {
		c = nodeConfig().fixed(nil) // its mistakes are config check's to tell
	}
	address, err := reachHere(c.text("api.listen"))
	if err != nil {
		return o, "", err
	}
	base, client := "http://"+address, &http.Client{Timeout: localAnswer}
	if cert := c.text("api.tlsCert"); cert != "" {
		encryption, err := s.localTLS(cert)
		if err != nil {
			return o, "", err
		}
		base, client.Transport = "https://"+address, &http.Transport{TLSClientConfig: encryption}
	}
	rsp, err := api{client}.request(ctx, http.MethodGet, base+"/v1/node", nil)
	if err != nil {
		return o, base, err
	}
	defer func() { _ = rsp.Body.Close() }()
	if err := json.NewDecoder(rsp.Body).Decode(&o); err != nil || rsp.StatusCode != http.StatusOK || o.Node == "" {
		return o, base, fmt.Errorf("%s answers %s", base, rsp.Status)
	}
	return o, base, nil
}

// reachHere is where this machine reaches what listens on an address.
func reachHere(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", err
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}

// localTLS talks to whoever shows the very certificate that the configuration of this machine names: its
// names are those by which others reach it.
func (s *session) localTLS(certFile string) (*tls.Config, error) {
	text, err := os.ReadFile(certFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate in PEM", certFile)
	}
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, InsecureSkipVerify: true, // VerifyPeerCertificate is stricter
		VerifyPeerCertificate: func(shown [][]byte, _ [][]*x509.Certificate) error {
			if len(shown) == 0 || !bytes.Equal(shown[0], block.Bytes) {
				return fmt.Errorf("the certificate is not that of %s", certFile)
			}
			return nil
		},
	}
	mine, err := s.flags.etcd().files.Config()
	if err == nil && mine != nil {
		c.GetClientCertificate = mine.GetClientCertificate
	}
	return c, nil
}
