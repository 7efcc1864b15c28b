"""A third party's HTTP proxy (proxy.py): prints its port on a line, and ends with its stdin.

  connect.py <user:password>
"""
import sys

import proxy

OPTIONS = ["--hostname", "127.0.0.1", "--port", "0", "--num-acceptors", "1", "--num-workers", "1", "--log-level", "c"]

if __name__ == "__main__":
    with proxy.Proxy([*OPTIONS, "--basic-auth", sys.argv[1]]) as running:
        print(running.flags.port, flush=True)
        sys.stdin.read()
