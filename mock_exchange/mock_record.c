#include "mock_record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gw_log.h"
#include "gw_mem.h"

struct mock_record {
    char *folder; /* NULL: nothing is kept */
    unsigned number;
    bool has_failed;
};

struct mock_record *mock_record_new(void)
{
    return gw_new(struct mock_record);
}

void mock_record_free(struct mock_record **recordp)
{
    struct mock_record *record = *recordp;

    if (!record)
        return;
    *recordp = NULL;
    free(record->folder);
    free(record);
}

enum gw_code mock_record_open(struct mock_record *record, struct gw_str folder, struct gw_err *err)
{
    char *path = gw_str_dup(folder);
    struct stat st;

    if (folder.len && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))) {
        (void)gw_fail(err, GW_INVALID, "record: '%.150s' is not a folder", path);
        free(path);
        return GW_INVALID;
    }
    free(record->folder);
    record->folder = folder.len ? path : NULL;
    if (!folder.len)
        free(path);
    return GW_OK;
}

static void fail(struct mock_record *record, const char *why)
{
    if (!record->has_failed)
        gw_warn("mock", "record not kept: %s", why);
    record->has_failed = true;
}

void mock_record_add(struct mock_record *record, const char *what, struct gw_str document)
{
    char path[4096];
    FILE *f;
    bool ok;

    if (!record || !record->folder)
        return;
    if (record->number == MOCK_RECORD_MAX) {
        fail(record, "too many files");
        return;
    }
    snprintf(path, sizeof(path), "%s/%06u-%s.xml", record->folder, ++record->number, what);
    f = fopen(path, "wb");
    ok = f && fwrite(document.p, 1, document.len, f) == document.len;
    if (f)
        ok = !fclose(f) && ok;
    if (!ok)
        fail(record, strerror(errno));
}
