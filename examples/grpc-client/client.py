#!/usr/bin/env python3
"""Calls a greeter over gRPC: client.py TARGET [--method Greet] [--timeout 10]

One call for each line of its input, `[KEY=VALUE...] NAME`: keys and values become headers. It prints the answer, or
the status and what it says. A target such as xds:///greeter.default.svc.cluster.local:7070 is asked of the control
plane that GRPC_XDS_BOOTSTRAP names, again whenever it changes; it also says whether calls are encrypted, with the
certificates that the bootstrap names.
"""
import argparse
import sys

import grpc
from grpc.experimental import insecure_channel_credentials


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("target")
    ap.add_argument("--method", default="Greet")
    ap.add_argument("--timeout", type=float, default=10)
    args = ap.parse_args()
    credentials = insecure_channel_credentials()
    if args.target.startswith("xds:"):
        credentials = grpc.xds_channel_credentials(credentials)
    with grpc.secure_channel(args.target, credentials) as channel:
        call = channel.unary_unary("/greeter.Greeter/" + args.method)
        for line in sys.stdin:
            *headers, name = line.split() or [""]
            try:
                metadata = [tuple(h.split("=", 1)) for h in headers]
                answer = call(name.encode(), metadata=metadata, timeout=args.timeout, wait_for_ready=True)
                print(answer.decode(), flush=True)
            except grpc.RpcError as e:
                print("%s: %s" % (e.code().name, e.details()), flush=True)


if __name__ == "__main__":
    main()
