package registry

import (
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"
)

func txnRequest(t Txn) *pb.TxnRequest {
	r := &pb.TxnRequest{Success: requestOps(t.Then), Failure: requestOps(t.Else)}
	for _, c := range t.If {
		r.Compare = append(r.Compare, compareRequest(c))
	}
	return r
}

func compareRequest(c Compare) *pb.Compare {
	r := &pb.Compare{Key: []byte(c.Key), RangeEnd: []byte(c.End)}
	switch c.Target {
	case CreateRevision:
		r.Target, r.TargetUnion = pb.Compare_CREATE, &pb.Compare_CreateRevision{CreateRevision: c.Number}
	case ModRevision:
		r.Target, r.TargetUnion = pb.Compare_MOD, &pb.Compare_ModRevision{ModRevision: c.Number}
	case Version:
		r.Target, r.TargetUnion = pb.Compare_VERSION, &pb.Compare_Version{Version: c.Number}
	case LeaseOf:
		r.Target, r.TargetUnion = pb.Compare_LEASE, &pb.Compare_Lease{Lease: c.Number}
	case Value:
		r.Target, r.TargetUnion = pb.Compare_VALUE, &pb.Compare_Value{Value: c.Bytes}
	default:
		panic(fmt.Sprintf("a comparison has no target %d", c.Target))
	}
	switch c.Relation {
	case Equal:
		r.Result = pb.Compare_EQUAL
	case NotEqual:
		r.Result = pb.Compare_NOT_EQUAL
	case Greater:
		r.Result = pb.Compare_GREATER
	case Less:
		r.Result = pb.Compare_LESS
	default:
		panic(fmt.Sprintf("a comparison has no relation %d", c.Relation))
	}
	return r
}

func requestOps(ops []Op) []*pb.RequestOp {
	var out []*pb.RequestOp
	for _, op := range ops {
		key, end := []byte(op.Key), []byte(op.End)
		switch op.Kind {
		case OpPut:
			out = append(out, &pb.RequestOp{Request: &pb.RequestOp_RequestPut{RequestPut: &pb.PutRequest{
				Key: key, Value: op.Value, Lease: int64(op.Lease), IgnoreLease: op.IgnoreLease,
			}}})
		case OpDelete:
			out = append(out, &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
				RequestDeleteRange: &pb.DeleteRangeRequest{Key: key, RangeEnd: end},
			}})
		case OpRange:
			out = append(out, &pb.RequestOp{Request: &pb.RequestOp_RequestRange{
				RequestRange: &pb.RangeRequest{Key: key, RangeEnd: end, Limit: int64(op.Limit)},
			}})
		default:
			panic(fmt.Sprintf("an operation has no kind %d", op.Kind))
		}
	}
	return out
}

func txnResult(r *pb.TxnResponse) TxnResult {
	res := TxnResult{Revision: r.GetHeader().GetRevision(), Succeeded: r.GetSucceeded()}
	for _, op := range r.GetResponses() {
		var one OpResult
		if rr := op.GetResponseRange(); rr != nil {
			one.Range = rangeResult(rr)
		}
		if d := op.GetResponseDeleteRange(); d != nil {
			one.Deleted = d.GetDeleted()
		}
		res.Results = append(res.Results, one)
	}
	return res
}

func rangeResult(r *pb.RangeResponse) RangeResult {
	res := RangeResult{Revision: r.GetHeader().GetRevision(), More: r.GetMore(), Count: r.GetCount()}
	for _, kv := range r.GetKvs() {
		res.KVs = append(res.KVs, keyValue(kv))
	}
	return res
}

func keyValue(kv *mvccpb.KeyValue) KeyValue {
	out := KeyValue{
		Key: string(kv.GetKey()), CreateRevision: kv.GetCreateRevision(), ModRevision: kv.GetModRevision(),
		Version: kv.GetVersion(), Lease: LeaseID(kv.GetLease()),
	}
	if len(kv.GetValue()) > 0 {
		out.Value = kv.GetValue()
	}
	return out
}

func changeOf(ev *mvccpb.Event) Change {
	if ev.GetType() == mvccpb.Event_DELETE {
		kv := ev.GetKv()
		return Change{Deleted: true, KeyValue: KeyValue{Key: string(kv.GetKey()), ModRevision: kv.GetModRevision()}}
	}
	return Change{KeyValue: keyValue(ev.GetKv())}
}
