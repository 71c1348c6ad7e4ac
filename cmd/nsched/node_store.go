package main

import (
	"context"
	"errors"

	"github.com/nsched/nsched/nix"
	"github.com/nsched/nsched/node"
	"github.com/nsched/nsched/units"
)

// nixStore is the machine's Nix store as the node daemon wants it.
type nixStore struct{ store *nix.Store }

// Realise implements node.Store.
func (s nixStore) Realise(ctx context.Context, r node.Realisation) error {
	request := nix.Request{
		Path: r.Path, Root: nix.RootName(r.Root), Executable: r.Executable, Offline: r.Offline,
	}
	if r.Cache != nil {
		if r.Cache.URL != "" {
			request.Substituters = []string{r.Cache.URL}
		}
		keys, err := nix.ParsePublicKeys(r.Cache.PublicKeys)
		if err != nil {
			return &node.Failure{Reason: units.Reason{Code: units.ReasonInvalidApp, Message: "cache.publicKeys: " + err.Error()}, Permanent: true}
		}
		request.NarrowKeys = keys
	}
	if r.Progress != nil {
		request.Progress = func(p nix.Progress) { r.Progress(p.Done, p.Total) }
	}
	_, err := s.store.Realise(ctx, request)
	return nixFailure(err)
}

// nixCodes gives each of Nix' failures its reason.
var nixCodes = []struct {
	kind error
	code string
}{
	{nix.ErrNotFound, units.ReasonPathNotFound},
	{nix.ErrAbsent, units.ReasonPathNotFound},
	{nix.ErrUnsigned, units.ReasonBadSignature},
	{nix.ErrBadSignature, units.ReasonBadSignature},
	{nix.ErrNoTrustedKey, units.ReasonBadSignature},
	{nix.ErrFetch, units.ReasonFetchFailed},
	{nix.ErrDiskFull, units.ReasonNoSpace},
	{nix.ErrNoExecutable, units.ReasonExecutableMissing},
	{nix.ErrDamaged, units.ReasonNixFailed},
	{nix.ErrForeignRoot, units.ReasonNixFailed},
	{nix.ErrRoot, units.ReasonNixFailed},
	{nix.ErrNoNix, units.ReasonNixFailed},
	{nix.ErrNix, units.ReasonNixFailed},
	{nix.ErrInvalid, units.ReasonInvalidApp},
}

// nixFailure turns an error of package nix into one that the daemon can tell people. An end of ctx stays
// what it is.
func nixFailure(err error) error {
	for _, c := range nixCodes {
		if errors.Is(err, c.kind) {
			return &node.Failure{
				Reason:    units.Reason{Code: c.code, Message: err.Error()},
				Permanent: errors.Is(err, nix.ErrPermanent),
			}
		}
	}
	return err
}

// Roots implements node.Store.
func (s nixStore) Roots(context.Context) ([]string, error) {
	roots, err := s.store.Roots()
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(roots))
	for name := range roots {
		names = append(names, string(name))
	}
	return names, nil
}

// RemoveRoot implements node.Store.
func (s nixStore) RemoveRoot(_ context.Context, name string) error {
	return s.store.RemoveRoot(nix.RootName(name))
}
