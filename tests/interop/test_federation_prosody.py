"""Federation with Prosody, a server that we did not write."""

import sys

import federation
from federation import Prosody
from federation_scenarios import Scenarios
from house import run

if __name__ == "__main__":
    if not federation.has(Prosody.program):
        print("prosody is not installed")
        sys.exit(77)
    run(Scenarios(Prosody).all())
