"""A browser without a screen, driven over WebDriver (W3C) by chromedriver: packages chromium and
chromium-driver. Raises Missing when they are not there.

    with Browser() as browser:
        browser.open("http://127.0.0.1:8090/")
        browser.wait("return document.title")
"""

import base64
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Missing(Exception):
    pass


class BrowserError(Exception):
    """args: WebDriver's error code, and its message."""


class Browser:
    def __init__(self, width=1300, height=900):
        driver, chromium = shutil.which("chromedriver"), shutil.which("chromium")
        if not driver or not chromium:
            raise Missing("no chromium with chromedriver")
        self._folder = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        self._process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True)
        self._session = None
        for line in self._process.stdout:
            if "started successfully on port" in line:
                self._url = "http://127.0.0.1:" + line.rsplit("port", 1)[1].strip(" .\n")
                break
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu",
                     f"--user-data-dir={self._folder.name}", f"--window-size={width},{height}"]
        answer = self._request("POST", "/session", {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": {"binary": chromium, "args": arguments}}}})
        self._session = answer["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._session:
            self._request("DELETE", f"/session/{self._session}")
        self._process.terminate()
        self._process.wait(timeout=20)
        self._process.stdout.close()
        self._folder.cleanup()

    def _request(self, method, path, body=None):
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(self._url + path, data=data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                value = json.load(error)["value"]
            raise BrowserError(value["error"], value["message"]) from None

    def _ask(self, path, body):
        return self._request("POST", f"/session/{self._session}{path}", body)

    def open(self, url):
        self._ask("/url", {"url": url})

    def run(self, script, *args):
        """The script's return value."""
        return self._ask("/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, *args, patience_s=20):
        """Until what the script returns is true; returns it."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            value = self.run(script, *args)
            if value:
                return value
            time.sleep(0.02)
        raise AssertionError(f"this did not become true: {script} {args}")

    def find(self, selector):
        return self._ask("/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        """Again when the page has put another element in its place meanwhile."""
        for attempt in range(5):
            try:
                self._ask(f"/element/{self.find(selector)}/click", {})
                return
            except BrowserError as error:
                if error.args[0] != "stale element reference" or attempt == 4:
                    raise

    def type(self, selector, text):
        element = self.find(selector)
        self._ask(f"/element/{element}/clear", {})
        self._ask(f"/element/{element}/value", {"text": text})

    def pointer(self, *actions):
        """("move", x, y), ("down",), ("up",): in pixels of the window."""
        steps = []
        for action in actions:
            if action[0] == "move":
                steps.append({"type": "pointerMove", "duration": 0, "x": int(action[1]),
                              "y": int(action[2])})
            else:
                steps.append({"type": "pointer" + action[0].capitalize(), "button": 0})
        self._ask("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]})

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self._request("GET", f"/session/{self._session}/screenshot")))
