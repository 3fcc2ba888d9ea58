#!/usr/bin/env python3
"""A greeter over gRPC: server.py NAME HOST:PORT [--xds]

Says where it listens, then serves until it is ended. Port 0 is any port.
With --xds it asks the control plane that GRPC_XDS_BOOTSTRAP names for its own listener first: whether callers must
show certificates (it falls back to none), and who may call what.
"""
import argparse
import concurrent.futures

import grpc


class Greeter(grpc.GenericRpcHandler):
    """Answers with bytes, so that no generated code is needed."""

    def __init__(self, name):
        self.name = name

    def service(self, call):
        if call.method in ("/greeter.Greeter/Greet", "/greeter.Greeter/Whisper"):
            return grpc.unary_unary_rpc_method_handler(self.greet)
        return None

    def greet(self, request, _context):
        return b"%s greets %s" % (self.name.encode(), request)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("name")
    ap.add_argument("address", metavar="HOST:PORT")
    ap.add_argument("--xds", action="store_true")
    args = ap.parse_args()
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[Greeter(args.name)], xds=args.xds)
    if args.xds:
        credentials = grpc.xds_server_credentials(grpc.insecure_server_credentials())
        port = server.add_secure_port(args.address, credentials)
    else:
        port = server.add_insecure_port(args.address)
    server.start()
    print("%s listens on %s:%d" % (args.name, args.address.rpartition(":")[0], port), flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
