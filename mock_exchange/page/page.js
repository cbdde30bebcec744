"use strict";
/* Mailboxes as timelines of one day. All text from the server goes into the page as text. */

const PAGE = 50, SNAP_MS = 5 * 60000, LANE_REM = 1.6, POLL_MS = 5000;
const find = (id) => document.getElementById(id);
const view = { day: midnight(new Date(), 0), offset: 0, prefix: "", drag: null, shown: "" };

/* --- time: the browser's zone --- */

function midnight(date, days) {
    return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
}

function forInput(date) {
    const two = (n) => String(n).padStart(2, "0");
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}` +
        `T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/* What an input says, as the server takes it; undefined when it is empty, which is left as it is. */
function momentOf(id) {
    const text = find(id).value;
    return text ? new Date(text).toISOString() : undefined;
}

function share(moment) { /* of the day, in percent */
    const length = midnight(view.day, 1) - view.day;
    return 100 * (moment - view.day) / length;
}

/* --- the server --- */

function trouble(text) {
    find("trouble").textContent = text;
    find("trouble").hidden = !text;
}

async function ask(method, path, body) {
    const options = { method, headers: { "Accept": "application/json" } };
    if (body) {
        options.body = JSON.stringify(body);
        options.headers["Content-Type"] = "application/json";
    }
    const answer = await fetch(path, options);
    const json = await answer.json();
    if (!answer.ok)
        throw new Error(json.error);
    return json;
}

/* Asks, says what went wrong, and shows what there is now. */
async function change(method, path, body) {
    try {
        await ask(method, path, body);
        trouble("");
    } catch (error) {
        trouble(error.message);
    }
    await refresh();
}

/* --- elements --- */

function make(tag, className, text) {
    const element = document.createElement(tag);
    element.className = className;
    if (text !== undefined)
        element.textContent = text;
    return element;
}

function showServers(list) {
    find("servers").replaceChildren(...list.map((cas) => {
        const box = make("span", cas.up ? "server" : "server down", cas.name);
        const button = make("button", "", cas.up ? "Stop" : "Start");
        button.dataset.cas = cas.name;
        button.onclick = () =>
            change("POST", `/cas/${encodeURIComponent(cas.name)}/${cas.up ? "down" : "up"}`, {});
        box.append(make("small", "", `${cas.url} \u00b7 ${cas.subscriptions} subscriptions`), button);
        return box;
    }));
}

function showHours() {
    const line = make("div", "line");
    for (let hour = 0; hour < 24; hour += 2) {
        const mark = make("span", "", String(hour).padStart(2, "0"));
        mark.style.left = `${100 * hour / 24}%`;
        line.append(mark);
    }
    find("hours").replaceChildren(make("div", ""), line);
}

/* The first free lane for each meeting, so that overlapping ones are all seen. */
function lanesOf(meetings) {
    const ends = [];
    return meetings.map((meeting) => {
        const start = Date.parse(meeting.start);
        let lane = ends.findIndex((end) => end <= start);
        if (lane < 0)
            lane = ends.length;
        ends[lane] = Math.max(Date.parse(meeting.end), start + SNAP_MS);
        return lane;
    });
}

function place(box, start, end) {
    const left = Math.max(share(start), 0), right = Math.min(share(end), 100);
    box.style.left = `${left}%`;
    box.style.width = `${Math.max(right - left, 0)}%`;
}

function showMeeting(meeting, lane) {
    const start = Date.parse(meeting.start), end = Date.parse(meeting.end);
    const box = make("button", `meeting ${meeting.busy}${meeting.cancelled ? " cancelled" : ""}`,
                     meeting.subject || meeting.busy);
    box.title = `${new Date(start).toLocaleString()} \u2013 ${new Date(end).toLocaleString()}\n` +
        `${meeting.busy} ${meeting.subject || ""} ${meeting.location || ""}`;
    box.dataset.id = meeting.id;
    box.dataset.start = meeting.start;
    box.style.top = `${lane * LANE_REM + .05}rem`;
    place(box, start, end);
    box.onpointerdown = (event) => dragBegin(event, box, meeting, start, end);
    box.onclick = (event) => event.stopPropagation();
    box.onkeydown = (event) => {
        const step = { ArrowLeft: -3 * SNAP_MS, ArrowRight: 3 * SNAP_MS }[event.key];
        if (step)
            moveTo(meeting, start + step);
        else if (event.key === "Enter" || event.key === " ")
            meetingOpen(meeting.user, meeting);
        else
            return;
        event.preventDefault();
    };
    return box;
}

function showRow(user) {
    const row = make("div", "row"), who = make("div", "who"), line = make("div", "line");
    const active = user.oof.state === "Enabled" ||
        (user.oof.state === "Scheduled" && Date.parse(user.oof.start) <= Date.now() &&
         Date.now() < Date.parse(user.oof.end));
    const oof = make("button", active ? "on" : "", user.oof.state === "Scheduled" ? "OOF\u2026" : "OOF");
    const lanes = lanesOf(user.meetings);

    who.title = `${user.address}, ${user.subscriptions} subscriptions`;
    oof.onclick = () => oofOpen(user);
    who.append(make("span", "", user.name), oof);
    row.dataset.user = user.address;
    line.style.minHeight = `${(Math.max(-1, ...lanes) + 1) * LANE_REM + .4}rem`;
    line.append(...user.meetings.map((meeting, i) => showMeeting(meeting, lanes[i])));
    if (share(Date.now()) >= 0 && share(Date.now()) < 100) {
        const now = make("div", "now");
        now.style.left = `${share(Date.now())}%`;
        line.append(now);
    }
    line.onclick = (event) => {
        if (event.target === line)
            meetingOpen(user.address, null, momentAt(line, event.clientX));
    };
    row.append(who, line);
    return row;
}

function momentAt(line, x) {
    const box = line.getBoundingClientRect();
    const length = midnight(view.day, 1) - view.day;
    const ms = (x - box.left) / box.width * length;
    return new Date(view.day.getTime() + Math.round(ms / SNAP_MS) * SNAP_MS);
}

/* --- dragging --- */

function moveTo(meeting, start) {
    return change("POST", `/meetings/${encodeURIComponent(meeting.id)}`,
                  { start: new Date(start).toISOString() });
}

function dragBegin(event, box, meeting, start, end) {
    if (event.button !== 0)
        return;
    const lineWidth = box.parentElement.getBoundingClientRect().width;
    const length = midnight(view.day, 1) - view.day;
    const drag = { by: 0, moved: false };

    event.preventDefault();
    box.focus();
    box.setPointerCapture(event.pointerId);
    view.drag = drag;
    box.onpointermove = (move) => {
        const pixels = move.clientX - event.clientX;
        drag.moved = drag.moved || Math.abs(pixels) > 3;
        drag.by = Math.round(pixels / lineWidth * length / SNAP_MS) * SNAP_MS;
        box.classList.toggle("dragged", drag.moved);
        if (drag.moved)
            place(box, start + drag.by, end + drag.by);
    };
    box.onpointerup = () => {
        dragEnd(box);
        if (!drag.moved)
            meetingOpen(meeting.user, meeting);
        else if (drag.by)
            moveTo(meeting, start + drag.by);
        else
            refresh();
    };
    box.onpointercancel = () => {
        dragEnd(box);
        refresh();
    };
}

function dragEnd(box) {
    view.shown = "";
    box.onpointermove = box.onpointerup = box.onpointercancel = null;
    view.drag = null;
}

/* --- dialogs --- */

function meetingOpen(user, meeting, start) {
    const from = meeting ? new Date(meeting.start) : start;
    const minutes = meeting ? (Date.parse(meeting.end) - from) / 60000 : 30;

    find("m-subject").value = meeting ? meeting.subject || "" : "";
    find("m-location").value = meeting ? meeting.location || "" : "";
    find("m-start").value = forInput(from);
    find("m-minutes").value = minutes;
    find("m-busy").value = meeting ? meeting.busy : "Busy";
    find("m-delete").hidden = !meeting;
    find("m-save").onclick = () => {
        const body = {
            start: momentOf("m-start"),
            for: Math.round(find("m-minutes").value * 60),
            subject: find("m-subject").value,
            location: find("m-location").value,
            busy: find("m-busy").value,
        };
        find("meeting").close();
        if (meeting)
            change("POST", `/meetings/${encodeURIComponent(meeting.id)}`, body);
        else
            change("POST", `/users/${encodeURIComponent(user)}/meetings`, body);
    };
    find("m-delete").onclick = () => {
        find("meeting").close();
        change("DELETE", `/meetings/${encodeURIComponent(meeting.id)}`);
    };
    find("meeting").showModal();
}

function oofOpen(user) {
    const tomorrow = midnight(new Date(), 1);

    find("o-who").textContent = user.name;
    find("o-state").value = user.oof.state;
    find("o-start").value = forInput(user.oof.start ? new Date(user.oof.start) : new Date());
    find("o-end").value = forInput(user.oof.end ? new Date(user.oof.end) : tomorrow);
    find("o-reply").value = user.oof.internal || "";
    find("o-save").onclick = () => {
        find("oof").close();
        change("POST", `/users/${encodeURIComponent(user.address)}/oof`, {
            state: find("o-state").value,
            start: momentOf("o-start"),
            end: momentOf("o-end"),
            internal: find("o-reply").value,
        });
    };
    find("oof").showModal();
}

/* --- the whole --- */

async function refresh() {
    const query = new URLSearchParams({
        from: view.day.toISOString(), to: midnight(view.day, 1).toISOString(),
        user: view.prefix, offset: view.offset, limit: PAGE,
    });
    try {
        const [day, cas] = await Promise.all([ask("GET", `/day?${query}`), ask("GET", "/cas")]);
        const shown = JSON.stringify([day.users, day.total, cas, view.offset, view.day,
                                      Math.floor(Date.now() / 60000)]);
        if (view.drag || shown === view.shown) /* what is under the hand stays */
            return;
        view.shown = shown;
        find("day").textContent = view.day.toDateString();
        find("page").textContent = day.total === 0 ? "none"
            : `${view.offset + 1}\u2013${view.offset + day.users.length} of ${day.total}`;
        find("page-back").disabled = view.offset === 0;
        find("page-on").disabled = view.offset + PAGE >= day.total;
        showServers(cas.cas);
        const focused = document.activeElement.dataset.id;
        find("rows").replaceChildren(...day.users.map(showRow));
        if (focused)
            document.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
    } catch (error) {
        trouble(error.message);
    }
}

function goTo(changes) {
    Object.assign(view, changes);
    refresh();
}

find("day-back").onclick = () => goTo({ day: midnight(view.day, -1) });
find("day-today").onclick = () => goTo({ day: midnight(new Date(), 0) });
find("day-on").onclick = () => goTo({ day: midnight(view.day, 1) });
find("page-back").onclick = () => goTo({ offset: Math.max(view.offset - PAGE, 0) });
find("page-on").onclick = () => goTo({ offset: view.offset + PAGE });
find("find").oninput = () => goTo({ prefix: find("find").value, offset: 0 });
for (const button of document.querySelectorAll("dialog .close"))
    button.onclick = () => button.closest("dialog").close();

showHours();
new EventSource("/live").onmessage = refresh;
setInterval(refresh, POLL_MS); /* what is not told of: out of office over EWS, the time of day */
refresh();
