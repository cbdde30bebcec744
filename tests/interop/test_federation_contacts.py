"""Contact lists in bulk over the border: people of a server that we did not write (Prosody) are imported into our users'
lists, and given another address there."""

import os
import sys
import tempfile

import federation
from federation import Prosody
from federation_scenarios import OURS, THEIRS, ours, theirs, world
from house import run


def order(gateway, what, data):
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as f:
        f.write(data)
    try:
        return gateway.ctl("contact", what, f.name)
    finally:
        os.unlink(f.name)


def test_imported_and_renamed():
    """an imported contact is asked and seen; under another address so is that one, and the old one sees nothing more"""
    with world(Prosody, {"federation.tls": "required"}, {"users": ["rosa", "rita"]}) as (gateway, other):
        with ours(gateway) as ann, theirs(other) as rosa, theirs(other, "rita") as rita:
            rosa.presence("away", "rosa")
            rita.presence("dnd", "rita")
            order(gateway, "import", f"User ID,User Domain,Contact ID,Contact Domain,Nickname,Group Name\n"
                                     f"ann,{OURS},rosa,{THEIRS},Rosa,Partners\n")
            ann.wait_contact(rosa.jid, ("away", "rosa"))
            rosa.wait_contact(ann.jid, ("available", None))  # her client asks back, and is allowed
            order(gateway, "rename", f"Contact ID,New Contact ID\n{rosa.jid},{rita.jid}\n")
            ann.wait_contact(rita.jid, ("dnd", "rita"))
            ann.wait_contact(rosa.jid, ("unavailable", None))
            rosa.wait_contact(ann.jid, ("unavailable", None))
            rita.wait_contact(ann.jid, ("available", None))
            name, groups = ann.do(lambda x: (x.client_roster[rita.jid]["name"], x.client_roster[rita.jid]["groups"]))
            assert (name, list(groups)) == ("Rosa", ["Partners"]), (name, groups)


if __name__ == "__main__":
    if not federation.has(Prosody.program):
        print("prosody is not installed")
        sys.exit(77)
    run([test_imported_and_renamed])
