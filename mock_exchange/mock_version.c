#include "mock_version.h"

const char mock_product_names[] = "2007, 2010, 2013, 2016, 2019 or SE";

#define SCHEMAS_2010                                                                               \
    "Exchange2007, Exchange2007_SP1, Exchange2010, Exchange2010_SP1, Exchange2010_SP2"
#define SCHEMAS_2013 SCHEMAS_2010 ", Exchange2013, Exchange2013_SP1"
#define SCHEMAS_2016 SCHEMAS_2013 ", Exchange2016"

static const struct mock_product product[] = {
    { "2007", 8, 1, 240, 6, NULL, MOCK_V2007_SP1, 42, 0, MOCK_ID_GUID, NULL },
    { "2010", 14, 2, 247, 5, "Exchange2010_SP2", MOCK_V2010_SP2, 42, 10, MOCK_ID_SERVER,
      SCHEMAS_2010 },
    { "2013", 15, 0, 847, 32, "V2_6", MOCK_V2013_SP1, 62, 3, MOCK_ID_SERVER, SCHEMAS_2013 },
    { "2016", 15, 1, 2507, 6, "V2017_07_11", MOCK_VERSION_NEWEST, 62, 10, MOCK_ID_SERVER_MAILBOX,
      SCHEMAS_2016 },
    { "2019", 15, 2, 1544, 11, "V2017_07_11", MOCK_VERSION_NEWEST, 62, 10, MOCK_ID_SERVER_MAILBOX,
      SCHEMAS_2016 },
    { "SE", 15, 2, 2562, 17, "V2017_07_11", MOCK_VERSION_NEWEST, 62, 10, MOCK_ID_SERVER_MAILBOX,
      SCHEMAS_2016 },
};

/* Names with the service pack that the product stands for are taken, too. */
static const struct {
    const char *name, *product;
} alias[] = { { "2007 SP1", "2007" }, { "2010 SP2", "2010" }, { "2013 SP1", "2013" } };

const struct mock_product *mock_product_find(struct gw_str name)
{
    for (size_t i = 0; i < sizeof(alias) / sizeof(*alias); i++)
        if (gw_str_iis(name, alias[i].name))
            name = gw_str_of(alias[i].product);
    for (size_t i = 0; i < sizeof(product) / sizeof(*product); i++)
        if (gw_str_iis(name, product[i].name))
            return &product[i];
    return NULL;
}

/* ExchangeVersionType of the schema: all but 20nn_SPn are what a product was called, or a month's
 * build, before it was out. */
static const struct {
    const char *name;
    enum mock_version version;
} version_name[] = {
    { "Exchange2007", MOCK_V2007 },         { "Exchange2007_SP1", MOCK_V2007_SP1 },
    { "Exchange2009", MOCK_V2010 },         { "Exchange2010", MOCK_V2010 },
    { "Exchange2010_SP1", MOCK_V2010_SP1 }, { "Exchange2010_SP2", MOCK_V2010_SP2 },
    { "Exchange2012", MOCK_V2013 },         { "Exchange2013", MOCK_V2013 },
    { "Exchange2013_SP1", MOCK_V2013_SP1 }, { "Exchange2015", MOCK_V2016 },
    { "Exchange2016", MOCK_V2016 },         { "V2015_10_05", MOCK_VERSION_NEWEST },
    { "V2016_01_06", MOCK_VERSION_NEWEST }, { "V2016_04_13", MOCK_VERSION_NEWEST },
    { "V2016_07_13", MOCK_VERSION_NEWEST }, { "V2016_10_10", MOCK_VERSION_NEWEST },
    { "V2017_01_07", MOCK_VERSION_NEWEST }, { "V2017_04_14", MOCK_VERSION_NEWEST },
    { "V2017_07_11", MOCK_VERSION_NEWEST },
};

enum { VERSION_NAME_MAX = 64 };

bool mock_version_parse(struct gw_str name, bool strict, enum mock_version *out)
{
    for (size_t i = 0; i < sizeof(version_name) / sizeof(*version_name); i++) {
        if (gw_str_is(name, version_name[i].name)) {
            *out = version_name[i].version;
            return true;
        }
    }
    if (strict || name.len > VERSION_NAME_MAX ||
        (!gw_str_starts(name, "Exchange20") && !gw_str_starts(name, "V20")))
        return false;
    *out = MOCK_VERSION_NEWEST;
    return true;
}

bool mock_version_has(enum mock_version version, enum mock_feature feature)
{
    static const enum mock_version since[] = {
        [MOCK_HAS_TIME_ZONE_CONTEXT] = MOCK_V2010,
        [MOCK_HAS_FREE_BUSY_CHANGED] = MOCK_V2010_SP1,
        [MOCK_HAS_STREAMING] = MOCK_V2010_SP1,
        [MOCK_HAS_PARTIAL_FIND] = MOCK_V2010_SP1,
        [MOCK_HAS_SMTP_IMPERSONATION] = MOCK_V2010_SP2,
        [MOCK_HAS_WORKING_ELSEWHERE] = MOCK_V2013,
        [MOCK_HAS_DISTINGUISHED_NAME] = MOCK_V2013,
    };

    return version >= since[feature];
}
