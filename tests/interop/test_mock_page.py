"""The page of mock-exchange in a browser that we did not write: what it shows, and what is done on it."""

import os
import sys
from datetime import datetime, timedelta, timezone

from browser import Browser, Missing
from mock import Mock

EVIL = "<img src=x onerror=document.title='broken'>"
BOX = ("const b = document.querySelector(arguments[0]).getBoundingClientRect();"
       "return [b.left, b.top, b.width, b.height];")
START_IS = ("const m = document.querySelector(`[data-id='${arguments[0]}']`);"
            "return m && m.dataset.start === arguments[1];")


def local_noon():
    return datetime.now().astimezone().replace(hour=12, minute=0, second=0, microsecond=0)


def utc(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def meeting(mock, number):
    return mock.get(f"/meetings/{number}")["meeting"]


def check_shown(browser, mock):
    assert browser.wait("return document.querySelectorAll('.row').length") == 50
    assert browser.run("return document.getElementById('page').textContent") == "1\u201350 of 122"
    browser.click("#page-on")
    browser.wait("return document.getElementById('page').textContent.startsWith('51')")
    browser.type("#find", "ann@")
    browser.wait("return document.querySelectorAll('.row').length === 1")
    texts = browser.run("return [...document.querySelectorAll('.meeting')].map(m => m.textContent)")
    assert texts == [EVIL], texts
    assert browser.run("return document.querySelector('.who').firstChild.textContent") == EVIL


def check_added(browser, mock):
    """A click into the row, the dialog, and there it is."""
    left, top, width, height = browser.run(BOX, ".row .line")
    browser.pointer(("move", left + width * 0.25, top + height / 2), ("down",), ("up",))
    browser.wait("return document.getElementById('meeting').open")
    browser.type("#m-subject", "Added here")
    browser.click("#m-save")
    browser.wait("return document.querySelectorAll('.meeting').length === 2")
    added = [m for m in mock.get("/users/ann@example/meetings")["meetings"]
             if m["subject"] == "Added here"]
    assert added[0]["start"] == utc(local_noon() - timedelta(hours=6)), added


def check_dragged(browser, mock):
    """Two hours to the right."""
    left, top, width, height = browser.run(BOX, "[data-id='1']")
    line_width = browser.run(BOX, ".row .line")[2]
    x, y = left + width / 2, top + height / 2
    browser.pointer(("move", x, y), ("down",), ("move", x + 10, y),
                    ("move", x + line_width / 12, y), ("up",))
    browser.wait(START_IS, "1", utc(local_noon() + timedelta(hours=2)))
    moved = meeting(mock, 1)
    assert moved["start"] == utc(local_noon() + timedelta(hours=2)), moved
    assert moved["end"] == utc(local_noon() + timedelta(hours=3)), moved


def check_keys(browser, mock):
    """A quarter of an hour to the left, twice: the focus stays with the meeting."""
    browser.run("document.querySelector(\"[data-id='1']\").focus()")
    for minutes in (-15, -30):
        browser.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', "
                    "{key: 'ArrowLeft', bubbles: true, cancelable: true}))")
        start = utc(local_noon() + timedelta(hours=2, minutes=minutes))
        browser.wait(START_IS, "1", start)
        assert meeting(mock, 1)["start"] == start, meeting(mock, 1)
        assert browser.run("return document.activeElement.dataset.id") == "1"


def check_series(browser, mock):
    """One day of a series is dragged; the others stay."""
    browser.type("#find", "bob@")
    browser.wait("return document.querySelectorAll('.row').length === 1 && "
                 "document.querySelector('.row').dataset.user === 'bob@example'")
    left, top, width, height = browser.run(BOX, ".meeting")
    line_width = browser.run(BOX, ".row .line")[2]
    x, y = left + width / 2, top + height / 2
    browser.pointer(("move", x, y), ("down",), ("move", x + 10, y),
                    ("move", x + line_width / 24, y), ("up",))
    browser.wait("return document.querySelector('.meeting').dataset.start === arguments[0]",
                 utc(local_noon() + timedelta(hours=1)))
    browser.click("#day-on")
    browser.wait("return document.querySelector('.meeting').dataset.start === arguments[0]",
                 utc(local_noon() + timedelta(days=1)))
    browser.click("#day-today")
    browser.type("#find", "ann@")
    browser.wait("return document.querySelector('.row').dataset.user === 'ann@example'")


def check_oof(browser, mock):
    browser.click(".who button")
    browser.wait("return document.getElementById('oof').open")
    browser.run("document.getElementById('o-state').value = 'Enabled'")
    browser.type("#o-reply", "Away")
    browser.click("#o-save")
    browser.wait("return document.querySelector('.who button').className === 'on'")
    oof = mock.get("/users/ann@example/oof")["oof"]
    assert oof["state"] == "Enabled" and oof["internal"] == "Away", oof


def check_server(browser, mock):
    browser.click("[data-cas='cas1']")
    browser.wait("return document.querySelector('[data-cas=cas1]').textContent === 'Start'")
    assert [c["up"] for c in mock.get("/cas")["cas"]] == [False, True]
    browser.click("[data-cas='cas1']")
    browser.wait("return document.querySelector('[data-cas=cas1]').textContent === 'Stop'")


def check_live(browser, mock):
    """What others change is seen without a reload."""
    mock.meeting("ann@example", start=utc(local_noon()), subject="From elsewhere")
    browser.wait("return [...document.querySelectorAll('.meeting')].some("
                 "m => m.textContent === 'From elsewhere')")


def main():
    scenario = {"users": [
        {"count": 120},
        {"address": "ann@example", "name": EVIL, "meetings": [
            {"start": utc(local_noon()), "for": "1h", "subject": EVIL}]},
        {"address": "bob@example", "meetings": [
            {"start": utc(local_noon() - timedelta(days=2)), "for": "1h", "subject": "Daily",
             "repeat": {"every": "day"}}]}]}
    try:
        with Mock(cas=2, scenario=scenario) as mock, Browser() as browser:
            browser.open(mock.control + "/")
            check_shown(browser, mock)
            check_added(browser, mock)
            check_dragged(browser, mock)
            check_keys(browser, mock)
            check_series(browser, mock)
            check_oof(browser, mock)
            check_server(browser, mock)
            check_live(browser, mock)
            if os.environ.get("KALENDS_SHOT"):
                browser.screenshot(os.environ["KALENDS_SHOT"])
            assert browser.run("return document.title") == "mock-exchange"
            assert browser.run("return document.getElementById('trouble').hidden")
    except Missing as missing:
        print(f"skipped: {missing}")
        return 77
    print("shown, added, dragged, moved by keys, series, out of office, server, live")
    return 0


if __name__ == "__main__":
    sys.exit(main())
