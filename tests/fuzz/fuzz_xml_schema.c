/* Any document that the parser accepts, against a schema: an answer, and never a crash. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "xml_doc.h"
#include "xml_schema.h"

static const char menu_schema[] =
    "<xs:schema xmlns:xs='http://www.w3.org/2001/XMLSchema' targetNamespace='urn:m'"
    " elementFormDefault='qualified'><xs:element name='Menu'><xs:complexType><xs:sequence>"
    "<xs:element name='Dish' maxOccurs='unbounded'><xs:complexType><xs:simpleContent>"
    "<xs:extension base='xs:string'><xs:attribute name='Price' type='xs:decimal'/>"
    "</xs:extension></xs:simpleContent></xs:complexType></xs:element>"
    "<xs:any namespace='##other' processContents='lax' minOccurs='0' maxOccurs='3'/>"
    "</xs:sequence><xs:attribute name='Day' type='xs:date'/></xs:complexType></xs:element>"
    "</xs:schema>";

static struct xml_schema *schema_load(void)
{
    char path[] = "/tmp/fuzz_xml_schema_XXXXXX";
    struct xml_schema *schema;
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (!f || fputs(menu_schema, f) < 0 || fclose(f) || xml_schema_load(path, &schema, NULL))
        abort();
    unlink(path);
    return schema;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const tolerated[] = { "Extra", NULL };
    static const struct xml_limits limits = { 1 << 20, 32, 20000, 32 };
    static struct xml_schema *schema;
    struct gw_str text = { (const char *)bytes, len };
    struct xml_violation violation;
    struct xml_doc *doc;
    bool all;

    if (!schema)
        schema = schema_load();
    if (xml_doc_parse(text, &limits, &doc, NULL))
        return 0;
    all = xml_schema_check(schema, text, NULL, &violation);
    if (!all && !*violation.text)
        abort();
    if (all && !xml_schema_check(schema, text, tolerated, &violation))
        abort();
    xml_doc_free(&doc);
    return 0;
}
