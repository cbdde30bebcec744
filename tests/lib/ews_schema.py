"""What mock-exchange said, against Microsoft's schema.

KALENDS_EWS_SCHEMA names the folder with validate.xsd, which imports types.xsd and messages.xsd; the
files are Microsoft's and not part of this project. Without it nothing is validated.
"""

import os
import re
import subprocess


def schema_folder():
    """None: there is no schema."""
    folder = os.environ.get("KALENDS_EWS_SCHEMA")
    return folder if folder and os.path.exists(os.path.join(folder, "validate.xsd")) else None


def as_schema_has_it(name, text):
    """Where Exchange breaks its own schema the mock does as Exchange does: a stream's Notification is
    one of the messages. None: the document cannot be valid, as it has no Notification at all."""
    if name.endswith("GetStreamingEvents.xml"):
        return re.sub(r"(</?)m:Notification\b", r"\1t:Notification", text)
    if name.endswith("SendNotification.xml") and "ErrorReadEventsFailed" in text:
        return None
    return text


def validate(folder):
    """Validates what --record has left in a folder; returns how many documents there were, and a list of
    what is wrong."""
    paths = []
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        valid = as_schema_has_it(name, text)
        if valid is None:
            continue
        if valid != text:
            with open(path, "w", encoding="utf-8") as f:
                f.write(valid)
        paths.append(path)
    failures = []
    for start in range(0, len(paths), 1000):
        result = subprocess.run(
            ["xmllint", "--noout", "--nonet", "--schema",
             os.path.join(schema_folder(), "validate.xsd"), *paths[start:start + 1000]],
            capture_output=True, text=True, check=False)
        failures += [line for line in result.stderr.splitlines() if not line.endswith(" validates")]
    return len(paths), failures
