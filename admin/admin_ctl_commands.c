/* The table of commands: parsing, help and running all come from here. */
#include "admin_ctl.h"

#define PASSWORD_OPTIONS                                                                           \
    { "password-stdin", NULL, CTL_NO_FIELD, "the password is one line of standard input" },        \
    {                                                                                              \
        "ask-password", NULL, CTL_NO_FIELD, "ask for a password on the terminal"                   \
    }

#define GATEWAY_OPTIONS                                                                            \
    { "host", "H", CTL_TEXT, "name or address of the Client Access Server" },                      \
        { "port", "P", CTL_NUMBER, "its port, if it is not 443 (with --http: 80)" },               \
        { "account", "A", CTL_TEXT, "the service account: DOMAIN\\name or name@domain" },          \
        PASSWORD_OPTIONS,                                                                          \
        { "own-account", "yes|no", CTL_YES_NO,                                                     \
          "account and password are of this gateway alone; no: it shares one again" },             \
        { "http", NULL, CTL_TRUE, "without TLS: for laboratories only" },                          \
        { "description", "T", CTL_TEXT, "anything you want to remember" },                         \
    {                                                                                              \
        NULL, NULL, CTL_NO_FIELD, NULL                                                             \
    }

static const struct ctl_option except_options[] = {
    { "direction", "D", CTL_TEXT, "both (default), incoming or outgoing" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option gateway_options[] = { GATEWAY_OPTIONS };

static const struct ctl_option discover_options[] = {
    { "server", "H", CTL_TEXT,
      "a server to ask first, with ':' and its port if it is another one" },
    { "add", "NAME", CTL_NO_FIELD, "add what was found as a gateway of that name" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

#define USER_TEXT_OPTIONS                                                                          \
    { "name", "N", CTL_TEXT, "the name that people know" },                                        \
        { "sip", "A", CTL_TEXT, "the SIP address" }, { "department", "D", CTL_TEXT, "any text" },  \
        { "group", "G", CTL_TEXT, "any text; policies may be set for it" },                        \
        { "language", "L", CTL_TEXT, "of texts: en, ja ..." },                                     \
    {                                                                                              \
        "zone", "Z", CTL_TEXT, "time zone: Europe/Berlin, or 'Tokyo Standard Time'"                \
    }

static const struct ctl_option user_add_options[] = {
    { "mail", "M", CTL_TEXT, "the mailbox, if it is not USER@DOMAIN" },
    USER_TEXT_OPTIONS,
    { "im", NULL, CTL_TRUE, "may log in and has presence" },
    { "calendar", NULL, CTL_TRUE, "the calendar shows up in presence" },
    { "hide-oof", NULL, CTL_TRUE, "automatic replies are shown to nobody" },
    PASSWORD_OPTIONS,
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option user_edit_options[] = {
    { "mail", "M", CTL_TEXT, "the mailbox" },
    USER_TEXT_OPTIONS,
    { "hide-oof", "yes|no", CTL_YES_NO, "automatic replies are shown to nobody" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

#define AT_OPTIONS                                                                                 \
    { "at", "TIME", CTL_NO_FIELD, "not now: '2026-11-27 02:00' (local) or with zone, ISO 8601" },  \
    {                                                                                              \
        "no-wait", NULL, CTL_NO_FIELD, "do not wait for its end"                                   \
    }

static const struct ctl_option user_list_options[] = {
    { "where", "EXPR", CTL_NO_FIELD, "those whom an expression hits; see 'user update --help'" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option contact_options[] = {
    AT_OPTIONS,
    { "dry-run", NULL, CTL_NO_FIELD, "change nothing: what would become of each row by itself" },
    { "sample", NULL, CTL_NO_FIELD, "show what stands in such a file" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option user_import_options[] = {
    { "update", NULL, CTL_NO_FIELD, "change users who are there; empty cells change nothing" },
    AT_OPTIONS,
    { "sample", NULL, CTL_NO_FIELD, "show what stands in such a file" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option user_update_options[] = {
    { "where", "EXPR", CTL_NO_FIELD, "who is meant" },
    { "set", "FIELD=VALUE", CTL_NO_FIELD, "what is set; more may follow as arguments" },
    { "dry-run", NULL, CTL_NO_FIELD,
      "check the values, list who would be hit, and change nothing" },
    AT_OPTIONS,
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option job_undo_options[] = {
    { "no-wait", NULL, CTL_NO_FIELD, "do not wait for its end" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option job_result_options[] = {
    { "only", "RESULT", CTL_NO_FIELD, "done, ignored or failed rows" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option audit_options[] = {
    { "user", "U", CTL_NO_FIELD, "changes of this user" },
    { "since", "TIME", CTL_NO_FIELD, "'2026-11-27 02:00' (local) or with zone, ISO 8601" },
    { "limit", "N", CTL_NO_FIELD, "at most so many, the newest; 50 when not said" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option user_able_options[] = {
    { "im", NULL, CTL_TRUE, "logging in and presence" },
    { "calendar", NULL, CTL_TRUE, "the calendar in presence" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option password_options[] = {
    { "password-stdin", NULL, CTL_NO_FIELD, "the password is one line of standard input" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option trust_options[] = {
    { "store", "S", CTL_NO_FIELD,
      "cup-trust: Exchange and SIP servers (default); cup-xmpp-trust: XMPP servers" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

#define PROBE_OPTIONS                                                                              \
    { "starttls", "PROTOCOL", CTL_TEXT,                                                            \
      "xmpp or xmpp-server: TLS begins after STARTTLS (port 5222 or 5269)" },                      \
        { "sip", NULL, CTL_TRUE, "a SIP server or proxy (port 5061), which is judged by its CN" }, \
        { "name", "N", CTL_TEXT, "whose certificate is expected, if not the host's" },             \
    {                                                                                              \
        "store", "S", CTL_TEXT,                                                                    \
            "cup-trust, or cup-xmpp-trust, which is the default with --starttls"                   \
    }

static const struct ctl_option check_options[] = {
    PROBE_OPTIONS,
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option fetch_options[] = {
    PROBE_OPTIONS,
    { "aia", NULL, CTL_NO_FIELD, "fetch missing issuers from the addresses in certificates" },
    { "accept", "FINGERPRINT", CTL_NO_FIELD, "trust what is missing if it is this one" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

#define KEY_OPTION                                                                                 \
    {                                                                                              \
        "key", "KIND", CTL_TEXT, "rsa-2048, rsa-3072, rsa-4096, ec-p256 or ec-p384"                \
    }

#define SUBJECT_OPTIONS                                                                            \
    KEY_OPTION, { "cn", "NAME", CTL_TEXT, "the common name, if not the first of the names" },      \
        { "organisation", "O", CTL_TEXT, "its name" }, { "unit", "OU", CTL_TEXT, "department" },   \
        { "city", "L", CTL_TEXT, "city" }, { "state", "ST", CTL_TEXT, "state or province" },       \
        { "country", "C", CTL_TEXT, "code of two letters: DE" },                                   \
    {                                                                                              \
        "names", "A,B", CTL_TEXT,                                                                  \
            "further names and addresses, beside those it gets anyway: chat servers, other nodes"  \
    }

static const struct ctl_option request_options[] = {
    SUBJECT_OPTIONS,
    { "replace", NULL, CTL_TRUE, "instead of a request that waits already" },
    { "show", NULL, CTL_NO_FIELD, "only show the request that waits" },
    { "drop", NULL, CTL_NO_FIELD, "forget the request that waits, and its key" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option self_signed_options[] = {
    SUBJECT_OPTIONS,
    { "days", "N", CTL_NUMBER, "how long it is valid; 3650 when not said" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option renew_options[] = {
    KEY_OPTION,
    { "replace", NULL, CTL_TRUE, "instead of a request that waits already" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option export_options[] = {
    { "p12", "FILE", CTL_NO_FIELD, "with the private key, as PKCS#12 into a new file" },
    { "password-stdin", NULL, CTL_NO_FIELD, "the password is one line of standard input" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

#define IDENTITY_HELP                                                                              \
    "NAME is cup (SIP, notifications, API), cup-xmpp (XMPP clients) or cup-xmpp-s2s (XMPP "        \
    "servers)."

static const struct ctl_option explain_options[] = {
    { "at", "TIME", CTL_NO_FIELD, "then: 15:00, '2026-11-20 15:00' or 2026-11-20T15:00:00Z" },
    { "watcher", "ADDRESS", CTL_NO_FIELD, "as this watcher sees it" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option override_options[] = {
    { "until", "TIME", CTL_NO_FIELD,
      "until then: 15:00, '2026-11-20 15:00', 2026-11-20T15:00:00Z" },
    { "until-item-end", NULL, CTL_NO_FIELD, "until the item or absence that runs now ends" },
    { "until-cleared", NULL, CTL_NO_FIELD, "until 'override clear'" },
    { "text", "T", CTL_NO_FIELD, "one line beside the state" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option lab_options[] = {
    { "days", "N", CTL_NO_FIELD, "how long it is valid; 825 when not said" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option for_options[] = {
    { "for", "WHOM", CTL_NO_FIELD, "everyone (default), domain:NAME, group:NAME or user:USER" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option rule_add_options[] = {
    { "for", "WHOM", CTL_TEXT, "everyone (default), domain:NAME, group:NAME or user:USER" },
    { "before", "OTHER", CTL_TEXT, "asked before that rule, not behind all others" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option rule_move_options[] = {
    { "before", "OTHER", CTL_TEXT, "in front of that rule, not behind all others" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option rule_test_options[] = {
    { "file", "RULES", CTL_NO_FIELD, "rules instead of those in force: a line each, NAME: RULE" },
    { "day", "DATE", CTL_TEXT, "as 2026-12-01, in the user's zone; today when not said" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

static const struct ctl_option language_options[] = {
    { "language", "L", CTL_NO_FIELD, "en, ja, or another one" },
    { NULL, NULL, CTL_NO_FIELD, NULL },
};

#define RULE_HELP                                                                                  \
    "A rule is CONDITION and CONDITION ... => SHOWN. Conditions look at\n"                         \
    "  subject, location, category, organiser, calendar\n"                                         \
    "                                            = != ~ (has) !~ (has not) \"TEXT\"\n"             \
    "  attendees, duration (minutes)             = != <= >= NUMBER\n"                              \
    "  response      = != accepted, tentative, declined, not-answered, organiser, unknown\n"       \
    "  sensitivity   = != normal, personal, private, confidential\n"                               \
    "  busy          = != free, tentative, working-elsewhere, busy, oof\n"                         \
    "  all-day, meeting   = != yes, no\n"                                                          \
    "Shown is free, working-elsewhere, busy, in-a-meeting, away, out-of-office or\n"               \
    "do-not-disturb, with \"words\" if you like, or ignore.\n"                                     \
    "The user's own rules are asked first, then the group's, the domain's, everyone's; the\n"      \
    "first that matches counts, and the mapping if none does. Of private items the subject,\n"     \
    "location, categories and people are never looked at.\n"                                       \
    "A rule without 'calendar' is about the user's own calendar, the one that presence goes by.\n" \
    "One that names a calendar as Outlook does takes in what is in it: of all other calendars\n"   \
    "nothing counts, and nothing is read. Of one user at most 20 of them are read."

#define FINGERPRINT_HELP                                                                           \
    "'kalendsctl cert trust list' shows fingerprints; their beginning is enough."

const struct ctl_command ctl_commands[] = {
    { "domain add", "NAME...", "add domains", ctl_domain_add, NULL,
      "Users belong to a domain: what follows '@' in their address.",
      "domain add example.org\ndomain add sales.example.org support.example.org" },
    { "domain list", "", "list the domains", ctl_domain_list, NULL, NULL,
      "domain list\ndomain list --json" },
    { "domain remove", "NAME", "remove a domain that has no users", ctl_domain_remove, NULL, NULL,
      "domain remove old.example.org" },

    { "federation list", "", "show policy, exceptions and connections of XMPP federation",
      ctl_federation_list, NULL, NULL, "federation list" },
    { "federation why", "DOMAIN", "show what holds for a domain, and why it cannot be reached",
      ctl_federation_why, NULL, NULL, "federation why partner.example" },
    { "federation except", "DOMAIN", "make a domain an exception of the policy",
      ctl_federation_except, except_options,
      "Where federation.policy is allow, an exception is denied; where it is deny, allowed.\n"
      "'*.partner.example' stands for partner.example and all below it. It applies at once.",
      "federation except partner.example\n"
      "federation except '*.partner.example' --direction incoming" },
    { "federation forget", "DOMAIN", "make a domain no exception any more", ctl_federation_forget,
      NULL, NULL, "federation forget '*.partner.example'" },
    { "federation export", "", "print this node's federation settings for 'federation compare'",
      ctl_federation_export, NULL,
      "Of the dialback secret there is a mark in it, which is the same for the same secret.",
      "federation export > node1.json" },
    { "federation compare", "FILE", "compare this node's federation settings with another node's",
      ctl_federation_compare, NULL,
      "FILE is what 'federation export' printed on the other node; '-' is standard input. Nodes "
      "of\n"
      "the same domains must federate alike. The exit status is 1 when something differs.",
      "federation compare node1.json" },
    { "federation secret set", "", "set the secret of dialback keys", ctl_federation_secret_set,
      password_options,
      "For several nodes with the same domains: another server may ask any of them about a key, "
      "so\n"
      "all must have the same secret. It is asked for twice, unless it comes with\n"
      "--password-stdin, is kept sealed and never shown. It applies at once.",
      "federation secret set\nfederation secret set --password-stdin < secret.txt" },
    { "federation secret reset", "", "use a dialback secret of this node's own again",
      ctl_federation_secret_reset, NULL, NULL, "federation secret reset" },

    { "federation mail list", "", "show by which addresses other domains know our users",
      ctl_mail_list, NULL,
      "With presence.federation_mail on, other domains know a user by his mail address, and by\n"
      "nothing else; who has none that can be used is known by USER@DOMAIN. Their users have to\n"
      "add ours anew when it is switched. It must be the same on all nodes.",
      "federation mail list" },
    { "federation mail add", "DOMAIN", "add a mail domain, before users have addresses there",
      ctl_mail_add, NULL,
      "Domains of users' addresses are there by themselves. The certificate for servers\n"
      "(cup-xmpp-s2s) names each of them, and so must the DNS: _xmpp-server._tcp.DOMAIN.",
      "federation mail add sales.example.org" },
    { "federation mail remove", "DOMAIN", "remove a mail domain that no user has an address in",
      ctl_mail_remove, NULL, NULL, "federation mail remove sales.example.org" },

    { "sip route", "ADDRESS", "show where SIP requests to an address go, and why", ctl_sip_route,
      NULL,
      "Static routes (sip.routes) come first, by priority; without one the domain's record\n"
      "_sipfederationtls._tcp is asked for; for domains of the kind aol then sip.default_domain,\n"
      "of the kind simple NAPTR, other SRV records and addresses (RFC 3263).",
      "sip route ann@partner.example" },
    { "sip trace", "[CALL-ID]", "the newest SIP messages, or the heads of one call's",
      ctl_sip_trace, NULL,
      "Bodies are not kept, and of credentials nothing. On a busy gateway 'set sip.trace TEXT' "
      "keeps\n"
      "only messages with this text in their head: a Call-ID, or an address.",
      "sip trace\nsip trace 4f2a91c0@192.0.2.1" },
    { "diag tls", "HOST[:PORT]", "why TLS with a SIP server does not come about, point by point",
      ctl_diag_tls, NULL,
      "Seven points: it listens, we listen, one authority, nothing expired, both usages, its "
      "subject\n"
      "CN among sip.tls_peer_subjects, its chain trusted. 'NO' says what to do; the exit status "
      "is\n"
      "then 1.",
      "diag tls lync.example.com" },
    { "sip sessions", "", "show with whom users here exchange messages in sessions (INVITE)",
      ctl_sip_sessions, NULL,
      "With which domains messages go in sessions is sip.session_peers; one that nobody has used "
      "for\n"
      "sip.session_idle_s is ended, and begins again with the next message.",
      "sip sessions" },

    { "sip clients", "[USER]", "show which SIP clients of users here are registered",
      ctl_sip_clients, NULL,
      "Users log in with SIP clients when sip.login says so; then they can be watched, publish "
      "their\n"
      "state and get messages there. A user whose password was set before has to set it again.",
      "sip clients\nsip clients ann@example.com" },

    { "gateway add", "NAME", "add a gateway to Exchange", ctl_gateway_add, gateway_options,
      "Gateways share one service account unless one has its own: whoever adds the second one may "
      "leave the account "
      "out.\n"
      "The password is asked for, unless it comes with --password-stdin.",
      "gateway add cas1 --host mail1.example.org --account 'EXAMPLE\\kalends'\n"
      "gateway add cas1 --host mail1.example.org --account kalends@example.org "
      "--password-stdin < password.txt\n"
      "gateway add cas2 --host mail2.example.org" },
    { "gateway edit", "NAME", "change a gateway", ctl_gateway_edit, gateway_options,
      "What is not named stays. The shared account and its password change on all gateways that "
      "share "
      "it.",
      "gateway edit cas1 --host mail3.example.org\ngateway edit cas1 --ask-password\n"
      "gateway edit cas2 --own-account yes --account 'OTHER\\kalends' --ask-password" },
    { "gateway remove", "NAME", "remove a gateway; its users go to the others", ctl_gateway_remove,
      NULL, NULL, "gateway remove cas2" },
    { "gateway drain", "NAME", "give a gateway no new users, and its own to the others",
      ctl_gateway_drain, NULL,
      "Before a server is taken out of service: its users move a few at a time, and nothing is\n"
      "missed. It stays so until 'gateway undrain'; then users are spread evenly again, slowly.",
      "gateway drain cas2" },
    { "gateway undrain", "NAME", "give a gateway users again", ctl_gateway_undrain, NULL, NULL,
      "gateway undrain cas2" },
    { "gateway list", "", "list the gateways with their state", ctl_gateway_list, NULL, NULL,
      "gateway list" },
    { "gateway discover", "ADDRESS", "ask Autodiscover which server a mailbox is on",
      ctl_gateway_discover, discover_options,
      "Asked with the service account, in this order: the named server or the first gateway, the\n"
      "domain, its host 'autodiscover', a redirect, the SRV record.",
      "gateway discover ann@example.org\n"
      "gateway discover ann@example.org --server mail1.example.org --add cas2" },
    { "gateway check", "[NAME]", "try a gateway, or all, step by step", ctl_gateway_check, NULL,
      "The exit status is 1 when a step failed.", "gateway check\ngateway check cas1" },

    { "user add", "USER", "add a user", ctl_user_add, user_add_options,
      "USER is id@domain, or id alone while there is one domain only.",
      "user add ann@example.org --name 'Ann Example' --im --calendar\n"
      "user add ann@example.org --mail ann.example@mail.example.org --im --calendar "
      "--password-stdin < password.txt" },
    { "user edit", "USER", "change a user's fields", ctl_user_edit, user_edit_options,
      "What is not named stays. An empty value ('') clears a field.",
      "user edit ann@example.org --name 'Ann Other'\n"
      "user edit ann@example.org --zone Asia/Tokyo --language ja --group sales" },
    { "user remove", "USER", "remove a user for good", ctl_user_remove, NULL, NULL,
      "user remove ann@example.org" },
    { "user list", "[FILTER]", "list users, or those whose id, mail or name contains FILTER",
      ctl_user_list, user_list_options, NULL,
      "user list\nuser list example.org\nuser list --where \"zone = '' and calendar\"\n"
      "user list --where \"sip != '' and sip != [user]\"\n"
      "user list ann --json" },
    { "user show", "USER", "show a user's settings", ctl_user_show, NULL,
      "'kalendsctl explain USER' tells about presence.", "user show ann@example.org" },
    { "user enable", "USER", "enable IM, calendar, or both", ctl_user_enable, user_able_options,
      "Both when neither is named.",
      "user enable ann@example.org\nuser enable ann@example.org --calendar" },
    { "user disable", "USER", "disable IM, calendar, or both", ctl_user_disable, user_able_options,
      "Both when neither is named.",
      "user disable ann@example.org\nuser disable ann@example.org --calendar" },
    { "user import", "[FILE]", "add or update the users of a CSV file", ctl_user_import,
      user_import_options,
      "The first row names the columns. UTF-8, with comma, semicolon or tab, at most 64 MiB; FILE "
      "'-' is\nstandard input. Users who are there already are left as they are, so that a file "
      "can "
      "be imported\ntwice. It shows how far it is; Ctrl-C leaves it running. The exit status is 1 "
      "when rows failed.",
      "user import --sample\nuser import staff.csv\nuser import zones.csv --update\n"
      "user import staff.csv --at '2026-11-27 02:00'" },
    { "user update", "[FIELD=VALUE...]", "set fields of all users whom an expression hits",
      ctl_user_update, user_update_options,
      "EXPR: comparisons joined with and, or, not and parentheses. Texts: = != contains prefix, "
      "without\ncase; flags (im, calendar, hide_oof, password): im, not im, im = yes. Fields: "
      "user, "
      "id, domain, mail,\nname, sip, department, group, language, zone. Values with spaces in "
      "quotes; '' is empty, [user] what stands in the field user.",
      "user update --where \"department contains 'sales' and not im\" --dry-run\n"
      "user update --where 'domain = example.org' --set im=yes calendar=yes\n"
      "user update --where \"zone = ''\" --set zone=Europe/Berlin --at '2026-11-27 02:00'" },
    { "contact import", "[FILE]", "add contacts to users' lists from a CSV file",
      ctl_contact_import, contact_options,
      "One contact a row, in the columns User ID, User Domain, Contact ID, Contact Domain,\n"
      "Nickname, Group Name (--sample), or shorter: user and contact, as id@domain. It is done as\n"
      "the user's client would: clients show the contact at once, and the contact is asked, whom\n"
      "presence.auto_authorize does not spare that. A contact who is there is put into one more\n"
      "group. presence.contacts_max and presence.watchers_max hold: set them to unlimited for a\n"
      "migration. 'contacts.import_rate' is how fast. 'job result' says what became of each row,\n"
      "'job undo' takes it back.",
      "contact import contacts.csv --dry-run\ncontact import contacts.csv --at '2026-11-27 "
      "02:00'" },
    { "contact rename", "[FILE]", "give contacts another address in all lists, from a CSV file",
      ctl_contact_rename, contact_options,
      "For people whose address has changed: one a row, in the columns Contact ID and New Contact\n"
      "ID. In every list in which the old one is the new one takes its place, with name, groups "
      "and\n"
      "what the user has decided about it; it is asked anew, and clients are told at once. Rows\n"
      "counted are contacts in lists. An address that is given and taken in one file is refused.",
      "contact rename renamed.csv --dry-run\ncontact rename --sample" },

    { "job list", "", "list bulk jobs, newest first", ctl_job_list, NULL, NULL, "job list" },
    { "job show", "JOB", "show a bulk job", ctl_job_show, NULL, NULL, "job show 7" },
    { "job watch", "JOB", "show how far a job is, until its end", ctl_job_watch, NULL,
      "The exit status is 1 when rows failed, or it was cancelled.", "job watch 7" },
    { "job cancel", "JOB", "end a job where it is", ctl_job_cancel, NULL, NULL, "job cancel 7" },
    { "job undo", "JOB", "take back what a job did", ctl_job_undo, job_undo_options,
      "Row by row, from its end; what was changed since is left alone, and listed as failed.",
      "job undo 7" },
    { "job result", "JOB", "print what became of each row, as CSV", ctl_job_result,
      job_result_options, NULL, "job result 7 > result.csv\njob result 7 --only failed" },
    { "audit", "", "who changed what, newest last", ctl_audit, audit_options,
      "'kalendsctl set audit.keep N' says how many entries are kept.",
      "audit\naudit --user ann@example.org\naudit --since '2026-11-27 02:00' --limit 1000" },
    { "password set", "USER", "set a user's password", ctl_password_set, password_options,
      "It is asked for twice, unless it comes with --password-stdin. Only keys derived from it are "
      "stored.",
      "password set ann@example.org\n"
      "password set ann@example.org --password-stdin < password.txt" },

    { "mapping list", "", "what calendars show as, row by row", ctl_mapping_list, for_options,
      "Of a row the closest setting counts: the user's, the group's, the domain's, everyone's.",
      "mapping list\nmapping list --for user:ann@example.org" },
    { "mapping set", "ROW VALUE", "change what a row shows as", ctl_mapping_set, for_options,
      "A row shows as free, working-elsewhere, busy, in-a-meeting, away, out-of-office or\n"
      "do-not-disturb, with words of your own if you like, or ignore. Words may use {start},\n"
      "{end}, {free} (the next free time) and {zone}.\n"
      "Of an item with several conditions named counts before private, private before all-day.\n"
      "Rows with conditions make the gateway read these users' calendars one by one.",
      "mapping set tentative 'busy \"Perhaps busy until {end}\"'\n"
      "mapping set busy+private away --for group:board\n"
      "mapping set organisers 'Big Boss, @customer.example'\n"
      "mapping set tentative+named in-a-meeting\n"
      "mapping set order 'automatic-reply busy oof outside-hours working-elsewhere tentative "
      "free'" },
    { "mapping reset", "ROW", "a row as if it had never been set", ctl_mapping_reset, for_options,
      NULL, "mapping reset tentative\nmapping reset busy+private --for group:board" },

    { "rule list", "", "rules that are asked before the mapping", ctl_rule_list, NULL, RULE_HELP,
      "rule list" },
    { "rule add", "NAME RULE", "add a rule", ctl_rule_add, rule_add_options, RULE_HELP,
      "rule add lunch 'subject ~ lunch and duration <= 90 => ignore'\n"
      "rule add focus 'category = \"Deep work\" => do-not-disturb \"Focused until {end}\"' "
      "--for group:engineering\n"
      "rule add big 'attendees >= 50 and response = accepted => busy' --before lunch" },
    { "rule edit", "NAME RULE", "change a rule", ctl_rule_edit, NULL, RULE_HELP,
      "rule edit lunch 'subject ~ lunch => free'" },
    { "rule move", "NAME", "ask a rule earlier or later", ctl_rule_move, rule_move_options, NULL,
      "rule move big --before lunch\nrule move lunch" },
    { "rule remove", "NAME", "remove a rule", ctl_rule_remove, NULL, NULL, "rule remove lunch" },

    { "rule test", "USER", "what rules would make of a user's day", ctl_rule_test,
      rule_test_options,
      "The day is read from Exchange now, with the fields that the rules look at. Nothing of it "
      "is\n"
      "kept, and no subject is shown. A file has the form that 'rule list' prints; '#' begins a\n"
      "comment. The rules of the file stand in the place of all others; the mapping is as it is "
      "set.\n"
      "Automatic replies are left out: rules do not look at them.",
      "rule test ann@example.org\nrule test ann@example.org --file new.rules --day 2026-12-01" },

    { "text list", "", "the words of presence", ctl_text_list, language_options, NULL,
      "text list --language ja" },
    { "text set", "NAME VALUE", "change a text", ctl_text_set, language_options,
      "Texts whose name ends in -until are used when the times are known, and may use {start},\n"
      "{end}, {free} (the next free time) and {zone}. Without --language it is the English one.",
      "text set in-a-meeting-until 'Busy till {end}, free at {free}'\n"
      "text set away 'Abwesend' --language de" },
    { "text reset", "NAME", "a text as it is built in", ctl_text_reset, language_options, NULL,
      "text reset in-a-meeting-until" },

    { "set", "KEY VALUE", "set a parameter; it applies at once", ctl_param_set, NULL,
      "'kalendsctl get' lists the keys and what each may be. VALUE may follow '--'.",
      "set calendar.spread_s 20\nset calendar.oof_display hide" },
    { "get", "[KEY]", "show a parameter, or all, with range and default", ctl_param_get, NULL, NULL,
      "get\nget calendar.spread_s" },

    { "status", "", "numbers of everything", ctl_status, NULL, NULL, "status\nstatus --json" },
    { "watch", "[USER]", "presence changes as they happen, until Ctrl-C", ctl_watch, NULL,
      "With --json, one object a line.", "watch\nwatch ann@example.org\nwatch --json" },
    { "explain", "USER", "what a user's presence shows, and why", ctl_explain, explain_options,
      "State, since and until when, from which calendar item (times and kind, never its subject), "
      "from\nwhich source, how fresh, and what happens next; how client, calendar and override "
      "were "
      "made\ninto one. Without --watcher everything is shown.",
      "explain ann@example.org\nexplain ann@example.org --at 15:00\n"
      "explain ann@example.org --watcher bob@partner.example" },
    { "override set", "USER STATE", "show a state in place of the calendar's", ctl_override_set,
      override_options,
      "STATE is available, working-elsewhere, busy, in-a-meeting, away, out-of-office or\n"
      "do-not-disturb. Then it is as it would have been. Exchange is not changed; it logs nobody "
      "in.",
      "override set ann@example.org available --until 15:00 --text 'An urgent call'\n"
      "override set ann@example.org do-not-disturb --until-item-end\n"
      "override set ann@example.org away --until-cleared" },
    { "override clear", "USER", "show what the calendar says again", ctl_override_clear, NULL, NULL,
      "override clear ann@example.org" },
    { "override list", "", "list the overrides that stand", ctl_override_list, NULL, NULL,
      "override list" },
    { "watcher list", "USER", "show who watches a user, or asks to, and what was decided",
      ctl_watcher_list, NULL, NULL, "watcher list ann@example.org" },
    { "watcher requests", "", "show the requests to watch that nobody has answered",
      ctl_watcher_requests, NULL, "Their users see them in their clients.", "watcher requests" },
    { "watcher allow", "USER WHO", "let somebody watch a user", ctl_watcher_allow, NULL,
      "WHO is an address, or a domain: everybody there about whom nothing else was decided. It is\n"
      "as if the user had decided it, and applies at once: a request that waits is granted.",
      "watcher allow ann@example.org bob@partner.example\n"
      "watcher allow ann@example.org partner.example" },
    { "watcher block", "USER WHO", "let somebody not watch a user", ctl_watcher_block, NULL,
      "WHO is an address or a domain. Whoever is blocked sees the user offline, and is not told;\n"
      "with presence.denied_watchers refused he is.",
      "watcher block ann@example.org bob@partner.example" },
    { "watcher forget", "USER WHO", "take such a decision back", ctl_watcher_forget, NULL,
      "Who sees the user goes on seeing him; who was blocked waits for an answer.",
      "watcher forget ann@example.org partner.example" },
    { "privacy set", "USER WHO LEVEL", "set what watchers see of a user's calendar",
      ctl_privacy_set, NULL,
      "WHO is 'own' (watchers of our domains), 'federated' (of others), or a watcher's address.\n"
      "LEVEL is nothing, busy (or not), times (and state), full (with text), or default. The\n"
      "parameters presence.privacy_own and presence.privacy_federated are the defaults.",
      "privacy set ann@example.org federated busy\n"
      "privacy set ann@example.org bob@partner.example full\n"
      "privacy set ann@example.org own default" },
    { "privacy list", "USER", "show what watchers see of a user's calendar", ctl_privacy_list, NULL,
      "Who may see a user at all is the user's contact list; 'user edit --hide-oof yes' hides\n"
      "automatic replies from everybody.",
      "privacy list ann@example.org" },
    { "refresh", "USER", "read a user's calendar again now", ctl_refresh, NULL, NULL,
      "refresh ann@example.org" },

    { "cert check", "SERVER", "look at a server's certificate", ctl_cert_check, check_options,
      "SERVER is HOST or HOST:PORT; '[ADDRESS]:PORT' for IPv6. The exit status is 1 when it is not "
      "verified.",
      "cert check mail.example.org\ncert check chat.example.org:5222 --starttls xmpp\n"
      "cert check edge.partner.example --sip" },
    { "cert fetch", "SERVER", "look at a server's certificate, and trust what is missing",
      ctl_cert_fetch, fetch_options,
      "Shows the chain and what is missing in the trust store, and asks before it is trusted.\n"
      "For scripts: --accept with the fingerprint that you were told.",
      "cert fetch mail.example.org\ncert fetch mail.example.org:444 --aia\n"
      "cert fetch mail.example.org --accept 3f:9a:04:c1:..." },
    { "cert trust add", "FILE", "trust the certificates in a file", ctl_trust_add, trust_options,
      "PEM, DER or PKCS#7 (.p7b). FILE '-' is standard input. From the next connection on; those "
      "that\nstand are not dropped.",
      "cert trust add exchange-ca.pem\ncert trust add chain.p7b --store cup-xmpp-trust\n"
      "cert trust add - < exchange-ca.pem" },
    { "cert trust list", "", "list the certificates that are trusted", ctl_trust_list,
      trust_options, NULL, "cert trust list" },
    { "cert trust show", "FINGERPRINT", "show all that is in a trusted certificate", ctl_trust_show,
      trust_options, FINGERPRINT_HELP, "cert trust show 3f9a04c1" },
    { "cert trust export", "FINGERPRINT", "print a trusted certificate as PEM", ctl_trust_export,
      trust_options, FINGERPRINT_HELP, "cert trust export 3f9a04c1 > ca.pem" },
    { "cert trust remove", "FINGERPRINT", "trust a certificate no longer", ctl_trust_remove,
      trust_options, FINGERPRINT_HELP, "cert trust remove 3f9a04c1" },

    { "cert crl add", "FILE", "add the revocation list of an authority", ctl_crl_add, trust_options,
      "PEM or DER, in place of an older one of the authority; FILE '-' is standard input. Lists "
      "are "
      "not\nfetched: where the authority makes a new one every week, add it every week. They count "
      "where\n'set tls.exchange_crl' (sip, xmpp_server) says check or require, from the next "
      "connection on.",
      "cert crl add ca.crl\ncert crl add - --store cup-xmpp-trust < ca.crl" },
    { "cert crl list", "", "list the revocation lists", ctl_crl_list, trust_options, NULL,
      "cert crl list" },
    { "cert crl remove", "ID", "remove a revocation list", ctl_crl_remove, trust_options,
      "'kalendsctl cert crl list' shows ids; their beginning is enough.",
      "cert crl remove 3f9a04c1" },

    { "cert own list", "", "list our own certificates", ctl_own_list, NULL,
      "LACKS: names that we have and the certificate does not.", "cert own list" },
    { "cert own show", "NAME", "show one of our certificates", ctl_own_show, NULL, IDENTITY_HELP,
      "cert own show cup-xmpp" },
    { "cert own request", "NAME", "make a key, and a request for an authority", ctl_own_request,
      request_options,
      IDENTITY_HELP
      "\nThe names of this machine and of all domains are put into it. The present "
      "certificate stays in\nuse until the signed one is installed. What is not said is "
      "as in the present one.",
      "cert own request cup > cup.csr\n"
      "cert own request cup-xmpp --key ec-p256 --organisation 'Example AG' --country DE > "
      "xmpp.csr" },
    { "cert own install", "NAME FILE", "install the signed certificate", ctl_own_install, NULL,
      IDENTITY_HELP "\nPEM, DER or PKCS#7 (.p7b), with or without its chain. FILE '-' is standard "
                    "input.\nConnections that come from now on are shown the new one.",
      "cert own install cup cup.p7b" },
    { "cert own self-signed", "NAME", "make a key and a self-signed certificate", ctl_own_self_sign,
      self_signed_options,
      IDENTITY_HELP
      "\nWhat is not said of the subject is as in the present one. One for which nothing "
      "but the key\nwas ever said is made anew by itself, before it ends and when a "
      "domain is added;\n'cert own remove' goes back to that.",
      "cert own self-signed cup-xmpp-s2s" },
    { "cert own import", "NAME FILE", "install certificate and key from a PKCS#12 file",
      ctl_own_import, password_options, IDENTITY_HELP "\nThe password of the file is asked for.",
      "cert own import cup mail.pfx" },
    { "cert own export", "NAME", "print certificate and chain as PEM", ctl_own_export,
      export_options, IDENTITY_HELP,
      "cert own export cup > cup.pem\n"
      "cert own export cup --p12 cup.p12" },
    { "cert own renew", "NAME", "make a self-signed certificate anew, or a request for the next",
      ctl_own_renew, renew_options, IDENTITY_HELP, "cert own renew cup > cup.csr" },
    { "cert own remove", "NAME", "put a fresh self-signed certificate in its place", ctl_own_remove,
      NULL, IDENTITY_HELP "\nCertificate, key and a request that waits are gone.",
      "cert own remove cup" },

    { "lab-ca create", "FOLDER", "make a certificate authority for a laboratory", ctl_lab_create,
      NULL, "Needs no daemon. Its root, root.pem, is what to trust. Not for production.",
      "lab-ca create lab" },
    { "lab-ca issue", "FOLDER NAME...", "make a certificate for a server of the laboratory",
      ctl_lab_issue, lab_options,
      "NAME is a host name or an address. The files are called as the first one.",
      "lab-ca issue lab mail.lab.test\nlab-ca issue lab localhost 127.0.0.1 ::1" },

    { "log-level", "LEVEL [COMPONENT]", "log more or less, until the next start", ctl_log_level,
      NULL,
      "LEVEL: off, error, warn, info or debug. COMPONENT is what a log line begins with. Parts of "
      "SIP:\n"
      "sip.routing, sip.tcp, sip.tls, sip.acl, sip.message, sip.method; sip is all of it.",
      "log-level debug ews\nlog-level debug sip.routing\nlog-level info" },
    { "version", "", "version of kalendsctl and of the daemon", ctl_version, NULL, NULL,
      "version" },
    { NULL, NULL, NULL, NULL, NULL, NULL, NULL },
};
