package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// answers are the errors by which etcd says that a request did nothing, by their text: etcd's codes are
// shared by errors of both kinds, and some of its errors come with the wrong one. Everything that is
// not here leaves a write's outcome open; "leader changed", "request timed out" and "server stopped"
// among them come after the write was proposed.
var answers = func() map[string]error {
	m := map[string]error{}
	for sentinel, list := range map[error][]error{
		ErrRefused: {
			rpctypes.ErrGRPCEmptyKey, rpctypes.ErrGRPCKeyNotFound, rpctypes.ErrGRPCValueProvided,
			rpctypes.ErrGRPCLeaseProvided, rpctypes.ErrGRPCTooManyOps, rpctypes.ErrGRPCDuplicateKey,
			rpctypes.ErrGRPCInvalidClientAPIVersion, rpctypes.ErrGRPCInvalidSortOption,
			rpctypes.ErrGRPCLeaseExist, rpctypes.ErrGRPCLeaseTTLTooLarge, rpctypes.ErrGRPCRequestTooLarge,
			rpctypes.ErrGRPCCorrupt, rpctypes.ErrGRPCNotCapable,
		},
		ErrCompacted:      {rpctypes.ErrGRPCCompacted},
		ErrFutureRevision: {rpctypes.ErrGRPCFutureRev},
		ErrLeaseNotFound:  {rpctypes.ErrGRPCLeaseNotFound},
		ErrNoSpace:        {rpctypes.ErrGRPCNoSpace},
		ErrPermission: {
			rpctypes.ErrGRPCPermissionDenied, rpctypes.ErrGRPCAuthFailed, rpctypes.ErrGRPCUserEmpty,
			rpctypes.ErrGRPCUserNotFound, rpctypes.ErrGRPCInvalidAuthToken, rpctypes.ErrGRPCAuthOldRevision,
			rpctypes.ErrGRPCInvalidAuthMgmt, rpctypes.ErrGRPCRoleNotFound,
		},
		// Refused, but not for good: etcd has fallen behind, or this member may not serve.
		ErrUnavailable: {rpctypes.ErrGRPCRequestTooManyRequests, rpctypes.ErrGRPCNotSupportedForLearner},
	} {
		for _, err := range list {
			m[rpctypes.ErrorDesc(err)] = sentinel
		}
	}
	return m
}()

// classify gives the error of a request its sentinel. ctx is the caller's; maybeWritten says that the
// request was a write and has been sent.
func classify(ctx context.Context, verb string, err error, maybeWritten bool) error {
	if err == nil {
		return nil
	}
	sentinel := ErrUnavailable
	if maybeWritten {
		sentinel = ErrUnknownOutcome
	}
	if known := answered(err); known != nil {
		sentinel = known
	}
	detail := errors.New(plain(err))
	if cause := ctx.Err(); cause != nil {
		detail = cause
	}
	return fmt.Errorf("%s: %w: %w", verb, sentinel, detail)
}

// answered returns the sentinel of an error that says that nothing was written, nil for any other.
func answered(err error) error {
	s := status.Convert(err)
	if sentinel, ok := answers[s.Message()]; ok {
		return sentinel
	}
	switch s.Code() {
	case codes.PermissionDenied, codes.Unauthenticated:
		return ErrPermission
	case codes.Unimplemented:
		if strings.Contains(s.Message(), "unexpected HTTP status") {
			return nil // there is something else than etcd, or between it and us
		}
		return ErrRefused
	case codes.ResourceExhausted:
		// "trying to send message larger than max" of our own side, "received message larger than max" of
		// etcd's: what we accept ourselves is larger than anything that etcd can send.
		if strings.Contains(s.Message(), "message larger than max") {
			return ErrRefused
		}
	}
	return nil
}

// saidByEtcd reports whether an error is an etcd's own word.
func saidByEtcd(err error) bool {
	return err != nil && strings.HasPrefix(plain(err), "etcdserver: ")
}

// plain is the text of an error without gRPC's frame.
func plain(err error) string {
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}
