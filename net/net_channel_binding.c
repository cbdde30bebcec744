/* Channel bindings: what both ends of one TLS connection can compute and nobody in between. */
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <string.h>

#include "net_priv.h"

enum { EXPORTER_LEN = 32 }; /* RFC 9266 2 */

/* RFC 5929 4.1: the hash of the certificate's signature, SHA-256 for MD5 and SHA-1, and no binding
 * at all when the signature has no single hash. */
static const EVP_MD *end_point_hash(const X509 *cert)
{
    int md_nid = NID_undef;

    if (X509_get_signature_info((X509 *)cert, &md_nid, NULL, NULL, NULL) != 1)
        return NULL;
    if (md_nid == NID_undef)
        return NULL;
    if (md_nid == NID_md5 || md_nid == NID_sha1 || md_nid == NID_md5_sha1)
        return EVP_sha256();
    return EVP_get_digestbynid(md_nid);
}

static unsigned end_point(const X509 *cert, unsigned char digest[EVP_MAX_MD_SIZE])
{
    const EVP_MD *md = cert ? end_point_hash(cert) : NULL;
    unsigned len;

    return md && X509_digest(cert, md, digest, &len) == 1 ? len : 0;
}

bool net_tls_end_point(SSL *ssl, struct gw_buf *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = end_point(
        SSL_is_server(ssl) ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl), digest);

    gw_buf_add(out, digest, len);
    return len;
}

/* RFC 9266 4.2: below TLS 1.3 only with the extended master secret, else it is not unique. */
static bool write_exporter(SSL *ssl, struct gw_buf *out)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    unsigned char value[EXPORTER_LEN];

    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return false;
    if (SSL_export_keying_material(ssl, value, sizeof value, label, sizeof label - 1,
                                   (const unsigned char *)"", 0, 1) != 1)
        return false;
    gw_buf_add(out, value, sizeof value);
    return true;
}

/* RFC 5929 3.1: the first Finished message, which is the client's, or the server's when a session
 * was resumed. TLS 1.3 has none. */
static bool write_unique(SSL *ssl, struct gw_buf *out)
{
    unsigned char value[EVP_MAX_MD_SIZE];
    bool ours_first = !SSL_is_server(ssl) != !!SSL_session_reused(ssl);
    size_t len;

    if (SSL_version(ssl) >= TLS1_3_VERSION)
        return false;
    if (SSL_session_reused(ssl) && SSL_get_extms_support(ssl) != 1)
        return false; /* the triple handshake attack */
    len = ours_first ? SSL_get_finished(ssl, value, sizeof value)
                     : SSL_get_peer_finished(ssl, value, sizeof value);
    if (!len || len > sizeof value)
        return false;
    gw_buf_add(out, value, len);
    return true;
}

enum gw_code net_stream_channel_binding(struct net_stream *s, const char *type, struct gw_buf *out)
{
    static const struct {
        const char *type;
        bool (*write)(SSL *ssl, struct gw_buf *out);
    } known[] = {
        { "tls-server-end-point", net_tls_end_point },
        { "tls-exporter", write_exporter },
        { "tls-unique", write_unique },
    };
    SSL *ssl = net_stream_ssl(s);

    for (size_t i = 0; ssl && i < sizeof known / sizeof *known; i++)
        if (strcmp(type, known[i].type) == 0)
            return known[i].write(ssl, out) ? GW_OK : GW_NOTFOUND;
    return GW_NOTFOUND;
}
