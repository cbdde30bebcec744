/* The scenario file. Everything may be left out:
 *
 * {
 *   "minute_ms": 1000,                  how long a minute of StatusFrequency and retries is
 *   "version": "2019",                  2007 2010 2013 2016 2019 SE
 *   "push_timeout": "15s", "find_max": 1000, "subscriptions_per_mailbox": 5000,
 *   "mail_tips": true,                  false: ErrorMailTipsDisabled
 *   "tls_cert": "cert.pem", "tls_key": "key.pem",
 *   "control": "127.0.0.1:8090",
 *   "cas": [ {"name": "cas1", "listen": "http://127.0.0.1:8091"},
 *            {"name": "cas2", "listen": "https://127.0.0.1:8443"} ],
 *   "accounts": [ {"name": "svc", "password": "secret", "impersonate": true},
 *                 {"name": "ann", "password": "a", "impersonate": ["@b.example"],
 *                  "mailbox": "ann@example"} ],
 *   "users": [ {"address": "ann@example", "name": "Ann", "aliases": ["a@example"],
 *               "meetings": [ {"start": "+5s", "for": "30s", "subject": "Plans"} ],
 *               "oof": {"state": "scheduled", "start": "now", "for": "2d", "internal": "Back soon"}},
 *              {"count": 50, "domain": "example", "prefix": "user",
 *               "meetings": [ {"start": "+20s", "for": "20s", "step": "1s"} ],
 *               "random": {"per_user": 10, "within": "8h", "length": "30m", "seed": 1}} ],
 *   "meetings": [ {"user": "ann@example", "start": "2026-11-20T09:00:00Z", "end": "+3d"} ]
 * }
 *
 * A meeting: start, end or for; busy (Free Tentative Busy OOF WorkingElsewhere NoData), all_day,
 * sensitivity (Normal Personal Private Confidential), subject, location, meeting, cancelled,
 * response (Unknown Organizer Tentative Accept Decline NoResponseReceived), type (Single Occurrence
 * Exception). In a group of users "step" puts the meeting of each later than that of the one before.
 * A user or a group may have "traits": {"hours": {"zone": "Europe/Berlin", "days": ["Monday"],
 * "start": "08:00", "end": "17:00"}, "sharing": "FreeBusy" (what others see of the calendar: None
 * Merged FreeBusy Detailed), "free_busy_error": "ErrorMailboxLogonFailed" (instead of it),
 * "tips_pending": true, "external_oof": false, "autodiscover": {"redirect_address": "b@example",
 * "redirect_url": "https://...", "error_level": "user" (response user setting), "error_code":
 * "InvalidUser"}}.
 * Times are RFC 3339 or relative: "now", "+5s", "-1h30m", "in 5s", or seconds from now. */
#ifndef MOCK_SCENARIO_H
#define MOCK_SCENARIO_H

#include "mock_priv.h"

#endif
