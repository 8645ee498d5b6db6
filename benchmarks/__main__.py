"""Runs the benchmarks. `./run bench` comes here.

./run bench                       the server
./run bench bulk [ARGUMENTS]      bulk changes, beside their floor
./run bench admin [ARGUMENTS]     pages of the admin, in a small and in a large database
./run bench server [ARGUMENTS]
"""

import sys

from benchmarks import admin, bulk
from tests import bench

if __name__ == "__main__":
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "bulk":
        sys.exit(bulk.main(sys.argv[2:]))
    if name == "admin":
        sys.exit(admin.main(sys.argv[2:]))
    if name == "server":
        del sys.argv[1]
    bench.main()
