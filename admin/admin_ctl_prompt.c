/* Passwords: asked for twice on the terminal without echo, or one line of standard input. Never an
 * argument, which every user of the machine could read. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "admin_ctl.h"
#include "gw_bytes.h"
#include "gw_mem.h"

enum { PASSWORD_MAX = 1024, TRIES = 3, SIGNALS = 5 };

/* A signal in the middle of a password must not leave the terminal without echo. */
static volatile sig_atomic_t signalled;

static void on_signal(int signo)
{
    signalled = signo;
}

/* With a mask: signals come only in here, so that none slips in between looking and waiting. */
static bool byte_read(int fd, const sigset_t *mask, char *out)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };

    if (mask && (ppoll(&ready, 1, NULL, mask) < 0 || signalled))
        return false;
    return read(fd, out, 1) == 1;
}

/* One line, byte by byte so that nothing after it is swallowed. False: nothing there, or too long. */
static bool line_read(int fd, const sigset_t *mask, char out[PASSWORD_MAX + 1])
{
    size_t len = 0;
    bool any = false;
    char c;

    while (byte_read(fd, mask, &c)) {
        any = true;
        if (c == '\n')
            break;
        if (len == PASSWORD_MAX)
            return false;
        out[len++] = c;
    }
    if (len > 0 && out[len - 1] == '\r')
        len--;
    out[len] = '\0';
    return any && strlen(out) == len && !signalled;
}

static void tell(int tty, const char *text)
{
    ssize_t ignored = write(tty, text, strlen(text));

    (void)ignored;
}

struct signals {
    struct sigaction before[SIGNALS];
    sigset_t mask; /* as it was */
};

static const int caught[SIGNALS] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

static void signals_catch(struct signals *s)
{
    struct sigaction quiet = { .sa_handler = on_signal };
    sigset_t block;
    size_t i;

    signalled = 0;
    (void)sigemptyset(&block);
    for (i = 0; i < SIGNALS; i++)
        (void)sigaddset(&block, caught[i]);
    (void)sigprocmask(SIG_BLOCK, &block, &s->mask);
    for (i = 0; i < SIGNALS; i++)
        (void)sigaction(caught[i], &quiet, &s->before[i]);
}

/* What came meanwhile now has its effect. */
static void signals_release(const struct signals *s)
{
    size_t i;

    for (i = 0; i < SIGNALS; i++)
        (void)sigaction(caught[i], &s->before[i], NULL);
    (void)sigprocmask(SIG_SETMASK, &s->mask, NULL);
    if (signalled)
        (void)raise(signalled);
}

static bool ask(int tty, const char *prompt, char out[PASSWORD_MAX + 1])
{
    struct termios shown, hidden;
    struct signals signals;
    bool read_it;

    if (tcgetattr(tty, &shown))
        return false;
    signals_catch(&signals);
    hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(tty, TCSAFLUSH, &hidden);
    tell(tty, prompt);
    read_it = line_read(tty, &signals.mask, out);
    (void)tcsetattr(tty, TCSAFLUSH, &shown);
    tell(tty, "\n");
    signals_release(&signals);
    return read_it;
}

static enum ctl_exit ask_twice(const struct ctl *ctl, int tty, const char *whose, char **out)
{
    char first[PASSWORD_MAX + 1], second[PASSWORD_MAX + 1], prompt[200];
    enum ctl_exit rc = CTL_FAILED;
    int i;

    (void)snprintf(prompt, sizeof(prompt), "Password for %.150s: ", whose);
    for (i = 0; i < TRIES && rc; i++) {
        if (!ask(tty, prompt, first) || !ask(tty, "The same again: ", second))
            break;
        if (!*first)
            tell(tty, "A password cannot be empty.\n");
        else if (strcmp(first, second) != 0)
            tell(tty, "They are not the same.\n");
        else
            rc = CTL_OK;
    }
    if (rc == CTL_OK)
        *out = gw_str_dup(gw_str_of(first));
    else
        ctl_complain(ctl, "invalid", "no password was set");
    gw_wipe(first, sizeof(first));
    gw_wipe(second, sizeof(second));
    return rc;
}

static enum ctl_exit read_stdin(const struct ctl *ctl, char **out)
{
    char text[PASSWORD_MAX + 1];
    enum ctl_exit rc = CTL_USAGE;

    if (!line_read(STDIN_FILENO, NULL, text) || !*text)
        ctl_complain(ctl, "invalid",
                     "a line with a password of 1 to %d bytes is expected on standard input",
                     PASSWORD_MAX);
    else if (!gw_str_is_utf8(gw_str_of(text)))
        ctl_complain(ctl, "invalid", "the password is not UTF-8");
    else
        rc = CTL_OK;
    if (rc == CTL_OK)
        *out = gw_str_dup(gw_str_of(text));
    gw_wipe(text, sizeof(text));
    return rc;
}

enum ctl_exit ctl_password_read(struct ctl *ctl, bool from_stdin, const char *whose, char **out)
{
    enum ctl_exit rc;
    int tty;

    if (from_stdin && !isatty(STDIN_FILENO))
        return read_stdin(ctl, out);
    tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0) {
        ctl_complain(ctl, "invalid",
                     "there is no terminal to ask for a password on: use --password-stdin");
        return CTL_USAGE;
    }
    rc = ask_twice(ctl, tty, whose, out);
    (void)close(tty);
    return rc;
}

enum ctl_exit ctl_password_add(struct ctl *ctl, bool always, const char *whose, json_t *body)
{
    bool from_stdin = ctl_opt(ctl, "password-stdin");
    enum ctl_exit rc;
    json_t *text;
    char *password;

    if (!from_stdin && !always && !ctl_opt(ctl, "ask-password"))
        return CTL_OK;
    rc = ctl_password_read(ctl, from_stdin, whose, &password);
    if (rc)
        return rc;
    text = json_string(password);
    gw_secret_free(&password);
    if (!text) {
        ctl_complain(ctl, "invalid", "the password is not UTF-8");
        return CTL_USAGE;
    }
    json_object_set_new(body, "password", text);
    return CTL_OK;
}
