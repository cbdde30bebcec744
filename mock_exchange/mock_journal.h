/* What was asked of the mock: the last requests one by one, and counts by CAS and operation. Counts
 * by mailbox are in the mailbox. */
#ifndef MOCK_JOURNAL_H
#define MOCK_JOURNAL_H

#include "mock_org.h"

enum { MOCK_JOURNAL_MAX = 10000 };

struct mock_entry {
    uint64_t number; /* from 1 */
    gw_utc at;
    const char *cas; /* lives as long as the journal */
    enum mock_operation operation;
    const struct mock_mailbox *mailbox; /* whose; NULL: nobody's */
    unsigned mailboxes;                 /* how many were asked about */
    int status;                         /* HTTP; 0: no answer was given */
    const char *code;                   /* ResponseCode, "NoError", or a word: "stall" */
    bool impersonated;
};

struct mock_journal;
struct mock_journal *mock_journal_new(void);
void mock_journal_free(struct mock_journal **journalp);
void mock_journal_clear(struct mock_journal *journal); /* counts too, but not those in mailboxes */

void mock_journal_add(struct mock_journal *journal, const struct mock_entry *entry);
uint64_t mock_journal_total(const struct mock_journal *journal);
uint64_t mock_journal_count(const struct mock_journal *journal, const char *cas,
                            enum mock_operation op);              /* cas NULL: all of them */
uint64_t mock_journal_errors(const struct mock_journal *journal); /* code is not NoError */

/* The nth last, 0 the newest; NULL: no such. */
const struct mock_entry *mock_journal_last(const struct mock_journal *journal, size_t nth);

#endif
