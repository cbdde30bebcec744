/* What the organisation says, kept in files: every answer, every document of a stream and every push
 * call, each in FOLDER/000001-FindItem.xml, so that tests can hold them against the schema. Writing is
 * done at once, on the loop: this is for tests. */
#ifndef MOCK_RECORD_H
#define MOCK_RECORD_H

#include "gw_err.h"
#include "gw_str.h"

enum {
    MOCK_RECORD_MAX = 100000
}; /* files; what comes after is not kept, and one line of the log says so */

struct mock_record;
struct mock_record *mock_record_new(void);
void mock_record_free(struct mock_record **recordp);

/* GW_INVALID: not a folder. The empty path: nothing is kept any more. */
enum gw_code mock_record_open(struct mock_record *record, struct gw_str folder, struct gw_err *err);

/* 'what' is a word. record may be NULL; without a folder nothing happens. */
void mock_record_add(struct mock_record *record, const char *what, struct gw_str document);

#endif
