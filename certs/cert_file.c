/* Small files, written whole: under another name, synced, then renamed. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cert_priv.h"
#include "gw_bytes.h"
#include "gw_mem.h"

bool cert_name_is_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return len > 0 && len <= 32 && !name[len] && name[0] != '-';
}

char *cert_path(const char *folder, const char *name, const char *suffix)
{
    size_t size = strlen(folder) + strlen(name) + strlen(suffix) + 2;
    char *path = gw_alloc(size);

    snprintf(path, size, "%s/%s%s", folder, name, suffix);
    return path;
}

enum gw_code cert_file_fail(const char *path, int os, struct gw_err *err)
{
    switch (os) {
    case ENOENT:
        return gw_fail(err, GW_NOTFOUND, "'%s' is not there", path);
    case EACCES:
    case EPERM:
        return gw_fail(err, GW_DENIED,
                       "'%s': no permission: it must belong to the user that the gateway runs as",
                       path);
    case ENOSPC:
    case EDQUOT:
        return gw_fail(err, GW_INTERNAL, "'%s': disk full: make room", path);
    default:
        return gw_fail(err, GW_INTERNAL, "'%s': %s", path, strerror(os));
    }
}

enum gw_code cert_folder_make(const char *path, struct gw_err *err)
{
    struct stat st;

    if (!mkdir(path, 0700))
        return GW_OK;
    if (errno != EEXIST)
        return cert_file_fail(path, errno, err);
    if (stat(path, &st))
        return cert_file_fail(path, errno, err);
    if (!S_ISDIR(st.st_mode))
        return gw_fail(err, GW_INVALID, "'%s' is not a folder", path);
    if (faccessat(AT_FDCWD, path, R_OK | W_OK | X_OK, AT_EACCESS))
        return cert_file_fail(path, errno, err);
    return GW_OK;
}

/* 0, or errno. */
static int write_fresh(const char *path, struct gw_str data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int os = 0;

    if (fd < 0)
        return errno;
    while (data.len && !os) {
        ssize_t n = write(fd, data.p, data.len);

        if (n < 0)
            os = errno == EINTR ? 0 : errno;
        else
            data = gw_str_sub(data, (size_t)n, data.len);
    }
    if (!os && fsync(fd))
        os = errno;
    if (close(fd) && !os)
        os = errno;
    return os;
}

static int sync_folder_of(const char *path)
{
    char *copy = gw_str_dup(gw_str_of(path));
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int os = 0;

    if (fd < 0 || fsync(fd))
        os = errno;
    if (fd >= 0)
        close(fd);
    free(copy);
    return os;
}

enum gw_code cert_file_write(const char *path, struct gw_str data, struct gw_err *err)
{
    size_t size = strlen(path) + sizeof(".new");
    char *fresh = gw_alloc(size);
    int os;

    snprintf(fresh, size, "%s.new", path);
    (void)unlink(fresh); /* of one that was killed */
    os = write_fresh(fresh, data);
    if (!os && rename(fresh, path))
        os = errno;
    if (os)
        (void)unlink(fresh);
    else
        os = sync_folder_of(path);
    free(fresh);
    return os ? cert_file_fail(path, os, err) : GW_OK;
}

enum gw_code cert_file_read(const char *path, struct gw_buf *out, struct gw_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    enum gw_code code = GW_OK;
    struct stat st;
    char piece[4096];
    ssize_t n;

    if (fd < 0)
        return cert_file_fail(path, errno, err);
    if (fstat(fd, &st))
        code = cert_file_fail(path, errno, err);
    else if (!S_ISREG(st.st_mode))
        code = gw_fail(err, GW_INVALID, "'%s' is not a file", path);
    while (!code && (n = read(fd, piece, sizeof(piece))) != 0) {
        if (n > 0)
            gw_buf_add(out, piece, (size_t)n);
        else if (errno != EINTR)
            code = cert_file_fail(path, errno, err);
        if (out->failed)
            code = gw_fail(err, GW_LIMIT, "'%s' is longer than %zu bytes", path, out->max);
    }
    close(fd);
    explicit_bzero(piece, sizeof(piece)); /* may have been a private key */
    return code;
}

void cert_secret_done(struct gw_buf *buf)
{
    if (buf->p)
        gw_wipe(buf->p, buf->cap);
    gw_buf_done(buf);
}
