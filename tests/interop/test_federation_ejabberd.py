"""Federation with ejabberd, a server that we did not write."""

import sys

import federation
from federation import Ejabberd
from federation_scenarios import Scenarios
from house import run

if __name__ == "__main__":
    if not federation.has(Ejabberd.program):
        print("ejabberd is not installed")
        sys.exit(77)
    run(Scenarios(Ejabberd).all())
