/* The one file that speaks SQL. A database is opened exclusively, checked to be ours and no newer
 * than we are, brought to our version, and then offers a handful of prepared statements.
 *
 * WAL with synchronous=NORMAL: a commit is a write to the log without waiting for the disk, which
 * is waited for at checkpoints only. A killed process loses nothing, since the system has the
 * pages; a power failure may take the last transactions, but never half of one. */
#include "store_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gw_mem.h"

enum {
    APPLICATION_ID = 0x4b616c64,      /* "Kald", so that file(1) and we can tell */
    LOCK_WAIT_MS = 500,               /* a predecessor that is just closing */
    CACHE_KIB = 8 * 1024,             /* records live in the rooms' memory, not here */
    WAL_KEEP_BYTES = 64 * 1024 * 1024 /* a burst may grow the log; it is cut back to this */
};

/* Index: version that the step leads to, minus one. Never changed once released; only added to. */
static const char *const migration[] = {
    /* With row ids: without them each value above a kilobyte takes overflow pages and 100,000 new
     * calendars took 10 s instead of 1.6. Most kinds have no owner: those stay out of the second
     * index. */
    "CREATE TABLE record ("
    " kind TEXT NOT NULL, key BLOB NOT NULL, owner BLOB NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY (kind, key));"
    "CREATE INDEX record_owner ON record (kind, owner) WHERE owner <> x'';",
};
enum { VERSION = sizeof(migration) / sizeof(migration[0]) };

enum statement {
    ST_BEGIN,
    ST_COMMIT,
    ST_PUT,
    ST_DEL,
    ST_DEL_OWNER,
    ST_DEL_RANGE,
    ST_READ,
    ST_READ_OWNER,
    ST_RANGE, /* and the next: in the order of struct store_range's two choices */
    ST_RANGE_NEWEST,
    ST_RANGE_OWNER,
    ST_RANGE_OWNER_NEWEST,
    ST_COUNT
};

/* One owner's records are found by the partial index, whose condition must be repeated. Left to itself,
 * the planner would walk through all of the kind rather than sort those few. */
#define OF_OWNER   " INDEXED BY record_owner"
#define NOT_NOBODY " AND owner <> x''"

/* In parentheses where a text has several lines, so that a missing comma is seen. */
static const char *const statement_sql[ST_COUNT] = {
    [ST_BEGIN] = "BEGIN IMMEDIATE",
    [ST_COMMIT] = "COMMIT",
    [ST_PUT] = ("INSERT INTO record (kind, key, owner, value) VALUES (?1, ?2, ?3, ?4)"
                " ON CONFLICT (kind, key) DO UPDATE SET owner = excluded.owner,"
                " value = excluded.value"),
    [ST_DEL] = "DELETE FROM record WHERE kind = ?1 AND key = ?2",
    [ST_DEL_OWNER] = "DELETE FROM record" OF_OWNER " WHERE kind = ?1 AND owner = ?2" NOT_NOBODY,
    [ST_DEL_RANGE] = "DELETE FROM record WHERE kind = ?1 AND key >= ?2 AND key < ?3",
    [ST_READ] = "SELECT key, owner, value FROM record WHERE kind = ?1 ORDER BY key",
    [ST_READ_OWNER] = ("SELECT key, owner, value FROM record" OF_OWNER
                       " WHERE kind = ?1 AND owner = ?2" NOT_NOBODY " ORDER BY key"),
    [ST_RANGE] = ("SELECT key, owner, value FROM record"
                  " WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4"),
    [ST_RANGE_NEWEST] = ("SELECT key, owner, value FROM record"
                         " WHERE kind = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4"),
    [ST_RANGE_OWNER] = ("SELECT key, owner, value FROM record" OF_OWNER
                        " WHERE kind = ?1 AND key >= ?2 AND key < ?3 AND owner = ?5" NOT_NOBODY
                        " ORDER BY key LIMIT ?4"),
    [ST_RANGE_OWNER_NEWEST] =
        ("SELECT key, owner, value FROM record" OF_OWNER
         " WHERE kind = ?1 AND key >= ?2 AND key < ?3 AND owner = ?5" NOT_NOBODY
         " ORDER BY key DESC LIMIT ?4"),
};

struct store_db {
    sqlite3 *sqlite;
    char *path;
    sqlite3_stmt *stmt[ST_COUNT];
    sqlite3_stmt *reading; /* one of stmt, or NULL */
};

static enum gw_code sqlite_code(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
        return GW_AGAIN;
    default:
        return GW_INTERNAL;
    }
}

/* While it is in use: what failed, and the system's own word where SQLite has it. */
static enum gw_code db_fail(struct store_db *db, int rc, struct gw_err *err)
{
    int os = sqlite3_system_errno(db->sqlite);

    switch (rc & 0xff) {
    case SQLITE_FULL:
        return gw_fail(err, GW_AGAIN, "disk full: cannot write database '%s': make room", db->path);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return gw_fail(err, GW_INTERNAL, "database '%s' is damaged: restore it from a backup",
                       db->path);
    case SQLITE_IOERR:
        if (os)
            return gw_fail(err, GW_AGAIN, "database '%s': %s (%s)", db->path, sqlite3_errstr(rc),
                           strerror(os));
        break;
    default:
        break;
    }
    return gw_fail(err, sqlite_code(rc), "database '%s': %s", db->path, sqlite3_errmsg(db->sqlite));
}

/* While it is opened: the administrator is looking, and nothing is tried again. */
static enum gw_code open_fail(struct store_db *db, int rc, struct gw_err *err)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
        return gw_fail(err, GW_DENIED,
                       "database '%s' is open in another process: stop that one first, or use "
                       "another data directory",
                       db->path);
    case SQLITE_NOTADB:
        return gw_fail(err, GW_INTERNAL,
                       "'%s' is not a database, or is damaged: restore it from a backup, or move "
                       "it away to start empty",
                       db->path);
    default:
        (void)db_fail(db, rc, err);
        if (err)
            err->code = GW_INTERNAL;
        return GW_INTERNAL;
    }
}

static enum gw_code path_fail(const char *path, int os, struct gw_err *err)
{
    switch (os) {
    case ENOENT:
    case ENOTDIR:
        return gw_fail(err, GW_NOTFOUND, "database '%s': its folder does not exist: create it",
                       path);
    case EACCES:
    case EPERM:
        return gw_fail(err, GW_DENIED,
                       "database '%s': no permission: the file and its folder must belong to the "
                       "user that the gateway runs as",
                       path);
    default:
        return gw_fail(err, GW_INTERNAL, "database '%s': %s", path, strerror(os));
    }
}

/* The log stands beside the database: the folder must be writable, too. */
static int check_folder(const char *path)
{
    char *copy = strdup(path);
    int os = 0;

    if (!copy)
        return ENOMEM;
    if (faccessat(AT_FDCWD, dirname(copy), R_OK | W_OK | X_OK, AT_EACCESS))
        os = errno;
    free(copy);
    return os;
}

/* Made here, for its mode, which SQLite then gives to the log too. An existing one is not opened
 * to look at it: closing that descriptor would drop the locks of another store in this process. */
static enum gw_code make_file(const char *path, struct gw_err *err)
{
    struct stat st;
    int fd, os = check_folder(path);

    if (os)
        return path_fail(path, os, err);
    fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return GW_OK;
    }
    if (errno != EEXIST)
        return path_fail(path, errno, err);
    if (stat(path, &st))
        return path_fail(path, errno, err);
    if (!S_ISREG(st.st_mode))
        return gw_fail(err, GW_INVALID, "database '%s' is not a file", path);
    if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS))
        return path_fail(path, errno, err);
    return GW_OK;
}

static int exec(struct store_db *db, const char *sql)
{
    return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
}

static int query_int(struct store_db *db, const char *sql, int *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        *out = sqlite3_column_int(stmt, 0);
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc;
}

/* Under an exclusive lock, which stays: two gateways on one data directory would undo each other.
 * Nothing is written yet: the file may be somebody else's. */
static enum gw_code lock_and_look(struct store_db *db, int *version, struct gw_err *err)
{
    int application = 0, tables = 0, rc;

    rc = exec(db, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    if (rc == SQLITE_OK)
        rc = query_int(db, "PRAGMA application_id", &application);
    if (rc == SQLITE_OK)
        rc = query_int(db, "PRAGMA user_version", version);
    if (rc == SQLITE_OK)
        rc = query_int(db, "SELECT count(*) FROM sqlite_schema", &tables);
    if (rc == SQLITE_OK)
        rc = exec(db, "COMMIT");
    if (rc != SQLITE_OK)
        return open_fail(db, rc, err);
    if (application != APPLICATION_ID && (application || tables))
        return gw_fail(err, GW_INVALID, "'%s' is the database of another program", db->path);
    if (*version > VERSION || *version < 0)
        return gw_fail(err, GW_INVALID,
                       "database '%s' was written by a newer version of the gateway (format %d, "
                       "this one knows %d): use that one",
                       db->path, *version, VERSION);
    return GW_OK;
}

static enum gw_code migrate(struct store_db *db, int version, struct gw_err *err)
{
    for (; version < VERSION; version++) {
        char *pragma = sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %d",
                                       APPLICATION_ID, version + 1);
        int rc = pragma ? exec(db, "BEGIN IMMEDIATE") : SQLITE_NOMEM;

        if (rc == SQLITE_OK)
            rc = exec(db, migration[version]);
        if (rc == SQLITE_OK)
            rc = exec(db, pragma);
        if (rc == SQLITE_OK)
            rc = exec(db, "COMMIT");
        sqlite3_free(pragma);
        if (rc != SQLITE_OK)
            return open_fail(db, rc, err);
    }
    return GW_OK;
}

static int configure(struct store_db *db)
{
    int rc = exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                      "PRAGMA trusted_schema = OFF; PRAGMA temp_store = MEMORY");
    char *sql = sqlite3_mprintf("PRAGMA cache_size = -%d; PRAGMA journal_size_limit = %d",
                                CACHE_KIB, WAL_KEEP_BYTES);

    if (rc == SQLITE_OK)
        rc = sql ? exec(db, sql) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return rc;
}

static int prepare(struct store_db *db)
{
    int rc = SQLITE_OK;

    for (int i = 0; i < ST_COUNT && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(db->sqlite, statement_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &db->stmt[i], NULL);
    return rc;
}

static enum gw_code db_setup(struct store_db *db, struct gw_err *err)
{
    int version = 0, rc;
    enum gw_code code;

    rc = sqlite3_open_v2(db->path, &db->sqlite,
                         SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (!db->sqlite)
        return gw_fail(err, GW_INTERNAL, "database '%s': out of memory", db->path);
    if (rc != SQLITE_OK)
        return open_fail(db, rc, err);
    sqlite3_busy_timeout(db->sqlite, LOCK_WAIT_MS);
    code = lock_and_look(db, &version, err);
    if (code)
        return code;
    rc = configure(db);
    if (rc != SQLITE_OK)
        return open_fail(db, rc, err);
    code = migrate(db, version, err);
    if (code)
        return code;
    rc = prepare(db);
    return rc == SQLITE_OK ? GW_OK : open_fail(db, rc, err);
}

enum gw_code store_db_open(const char *path, struct store_db **out, struct gw_err *err)
{
    struct store_db *db;
    enum gw_code code;

    if (strcmp(path, ":memory:") != 0) {
        code = make_file(path, err);
        if (code)
            return code;
    }
    db = gw_new(struct store_db);
    db->path = gw_str_dup(gw_str_of(path));
    code = db_setup(db, err);
    if (code)
        store_db_close(&db);
    else
        *out = db;
    return code;
}

void store_db_close(struct store_db **dbp)
{
    struct store_db *db = *dbp;

    if (!db)
        return;
    *dbp = NULL;
    for (int i = 0; i < ST_COUNT; i++)
        sqlite3_finalize(db->stmt[i]);
    sqlite3_close(db->sqlite);
    free(db->path);
    free(db);
}

static enum gw_code run(struct store_db *db, enum statement which, struct gw_err *err)
{
    int rc = sqlite3_step(db->stmt[which]);
    enum gw_code code = rc == SQLITE_DONE ? GW_OK : db_fail(db, rc, err);

    sqlite3_reset(db->stmt[which]);
    return code;
}

/* Bound without a copy: the text outlives the step, or the reading. */
static void bind_blob(sqlite3_stmt *stmt, int at, struct gw_str s)
{
    int rc = sqlite3_bind_blob(stmt, at, s.len ? s.p : "", (int)s.len, SQLITE_STATIC);

    assert(rc == SQLITE_OK);
    (void)rc;
}

static void bind_kind(sqlite3_stmt *stmt, struct gw_str kind)
{
    int rc = sqlite3_bind_text(stmt, 1, kind.p, (int)kind.len, SQLITE_STATIC);

    assert(rc == SQLITE_OK);
    (void)rc;
}

enum gw_code store_db_begin(struct store_db *db, struct gw_err *err)
{
    return run(db, ST_BEGIN, err);
}

enum gw_code store_db_commit(struct store_db *db, struct gw_err *err)
{
    return run(db, ST_COMMIT, err);
}

/* SQLite ends some transactions itself when a step fails. */
void store_db_rollback(struct store_db *db)
{
    if (!sqlite3_get_autocommit(db->sqlite))
        (void)exec(db, "ROLLBACK");
}

enum gw_code store_db_put(struct store_db *db, struct gw_str kind, const struct store_record *r,
                          struct gw_err *err)
{
    sqlite3_stmt *stmt = db->stmt[ST_PUT];

    bind_kind(stmt, kind);
    bind_blob(stmt, 2, r->key);
    bind_blob(stmt, 3, r->owner);
    bind_blob(stmt, 4, r->value);
    return run(db, ST_PUT, err);
}

enum gw_code store_db_del(struct store_db *db, struct gw_str kind, struct gw_str key,
                          struct gw_err *err)
{
    bind_kind(db->stmt[ST_DEL], kind);
    bind_blob(db->stmt[ST_DEL], 2, key);
    return run(db, ST_DEL, err);
}

enum gw_code store_db_del_owner(struct store_db *db, struct gw_str kind, struct gw_str owner,
                                struct gw_err *err)
{
    bind_kind(db->stmt[ST_DEL_OWNER], kind);
    bind_blob(db->stmt[ST_DEL_OWNER], 2, owner);
    return run(db, ST_DEL_OWNER, err);
}

enum gw_code store_db_del_range(struct store_db *db, struct gw_str kind, struct gw_str from,
                                struct gw_str to, struct gw_err *err)
{
    bind_kind(db->stmt[ST_DEL_RANGE], kind);
    bind_blob(db->stmt[ST_DEL_RANGE], 2, from);
    bind_blob(db->stmt[ST_DEL_RANGE], 3, to);
    return run(db, ST_DEL_RANGE, err);
}

void store_db_read(struct store_db *db, struct gw_str kind, const struct gw_str *owner)
{
    assert(!db->reading);
    db->reading = db->stmt[owner ? ST_READ_OWNER : ST_READ];
    bind_kind(db->reading, kind);
    if (owner)
        bind_blob(db->reading, 2, *owner);
}

void store_db_read_range(struct store_db *db, struct gw_str kind, const struct store_range *range)
{
    int which = ST_RANGE + (range->owner.len ? 2 : 0) + range->newest_first, rc;

    assert(!db->reading && range->limit > 0);
    db->reading = db->stmt[which];
    bind_kind(db->reading, kind);
    bind_blob(db->reading, 2, range->from);
    bind_blob(db->reading, 3, range->to);
    rc = sqlite3_bind_int64(db->reading, 4, (sqlite3_int64)range->limit);
    assert(rc == SQLITE_OK);
    (void)rc;
    if (range->owner.len)
        bind_blob(db->reading, 5, range->owner);
}

static struct gw_str column(sqlite3_stmt *stmt, int at)
{
    struct gw_str s;

    s.p = sqlite3_column_blob(stmt, at);
    s.len = (size_t)sqlite3_column_bytes(stmt, at);
    return s;
}

enum gw_code store_db_read_next(struct store_db *db, struct store_record *out, struct gw_err *err)
{
    int rc = sqlite3_step(db->reading);

    if (rc == SQLITE_DONE)
        return GW_NOTFOUND;
    if (rc != SQLITE_ROW)
        return db_fail(db, rc, err);
    out->key = column(db->reading, 0);
    out->owner = column(db->reading, 1);
    out->value = column(db->reading, 2);
    return GW_OK;
}

void store_db_read_end(struct store_db *db)
{
    sqlite3_reset(db->reading);
    db->reading = NULL;
}
