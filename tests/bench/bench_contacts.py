"""A file of 100,000 contacts: how long they take to come into users' lists, and to be given other addresses in them, what
that costs in CPU and memory, and how long somebody else waits for an answer meanwhile. ROWS as argument."""

import os
import sys
import tempfile

from bench_bulk import step
from gateway import Gateway

DOMAIN = "bench.test"
CONTACTS = 100  # in one list


def written(lines):
    with tempfile.NamedTemporaryFile("w", suffix=".csv", delete=False) as f:
        f.writelines(lines)
    return f.name


def main(rows):
    users = rows // CONTACTS
    imported = written(["User ID,User Domain,Contact ID,Contact Domain,Nickname,Group Name\r\n"] + [
        f"u{n % users},{DOMAIN},u{(n % users + 1 + n // users) % users},{DOMAIN},User number {n % 977},Group {n % 7}\r\n"
        for n in range(rows)])
    renamed = written(["Contact ID,New Contact ID\r\n"] + [f"u{n}@{DOMAIN},v{n}@{DOMAIN}\r\n" for n in range(users)])
    absent = written(["Contact ID,New Contact ID\r\n"] + [f"x{n}@{DOMAIN},y{n}@{DOMAIN}\r\n" for n in range(rows)])
    with Gateway() as gateway:
        gateway.ctl("domain", "add", DOMAIN)
        for key in ("contacts_max", "watchers_max"):
            gateway.set(f"presence.{key}", "unlimited")
        for name in "uv":
            for first in range(0, users, 5000):
                gateway.api("POST", "/v1/users", [{"user": f"{name}{n}@{DOMAIN}", "im": True}
                                                  for n in range(first, min(first + 5000, users))])
        empty = gateway.rss_kib()
        print(f"{users} lists of {CONTACTS}; daemon with {2 * users} users {empty / 1024:.0f} MB")
        for what, path in (("import", imported), ("import", imported), ("rename", renamed), ("rename", absent)):
            step(gateway, what, lambda: gateway.ctl_json("contact", what, path, "--no-wait")["job"])
            print(f"  memory now {gateway.rss_kib() / 1024:.0f} MB, a contact "
                  f"{(gateway.rss_kib() - empty) * 1024 / rows:.0f} bytes")
        step(gateway, "undo of the rename", lambda: gateway.ctl_json("job", "undo", "3", "--no-wait")["job"])
        step(gateway, "undo of the import", lambda: gateway.ctl_json("job", "undo", "1", "--no-wait")["job"])
        slow = [line for line in gateway.log().splitlines() if "loop slow callback" in line]
        print(f"callbacks above 50 ms: {len(slow)}")
        for line in slow[:5]:
            print("  ", line)
    for path in (imported, renamed, absent):
        os.unlink(path)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100000)
