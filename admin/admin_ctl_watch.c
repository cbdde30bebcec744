/* kalendsctl watch: presence changes as they happen */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "admin_ctl.h"

enum { USER_WIDTH = 30 };

static void shown_print(const json_t *shown)
{
    printf("%s", ctl_str(shown, "show"));
    if (*ctl_str(shown, "text"))
        printf(" \"%s\"", ctl_str(shown, "text"));
}

static void change_print(const json_t *change)
{
    gw_utc at = ctl_utc(change, "at");
    char clock[CTL_TIME_MAX];

    printf("%s  %-*s  ", ctl_clock(at, at, clock), USER_WIDTH, ctl_str(change, "user"));
    shown_print(json_object_get(change, "before"));
    printf(" -> ");
    shown_print(json_object_get(change, "now"));
    printf("  (%s)\n", ctl_str(change, "cause"));
}

static bool on_line(const json_t *line, void *ctx)
{
    const struct ctl *ctl = ctx;

    if (ctl->line->json)
        ctl_print_json_line(line);
    else if (strcmp(ctl_str(line, "event"), "presence") == 0)
        change_print(line);
    else if (strcmp(ctl_str(line, "event"), "watching") == 0 && isatty(STDERR_FILENO))
        (void)fprintf(stderr, "watching %s; Ctrl-C ends it\n",
                      *ctl_str(line, "user") ? ctl_str(line, "user") : "all users");
    return fflush(stdout) == 0;
}

enum ctl_exit ctl_watch(struct ctl *ctl)
{
    const char *user = ctl_arg(ctl, 0);
    char *path = user ? ctl_path("/v1/watch?user=%s", user) : ctl_path("/v1/watch");
    enum ctl_exit rc = ctl_stream(ctl, "GET", path, on_line, ctl);

    if (rc == CTL_OK && !ferror(stdout)) {
        ctl_complain(ctl, "unreachable", "kalendsd ended the watch");
        rc = CTL_UNREACHABLE;
    }
    return rc;
}
