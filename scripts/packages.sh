# Sourced by the other scripts: what the build and the tests need from Debian 12, and how it gets here.

build_packages="build-essential cmake ninja-build pkg-config ccache
    libev-dev libcurl4-openssl-dev libmicrohttpd-dev libc-ares-dev libssl-dev libxml2-dev
    libsqlite3-dev libcsv-dev libgsasl-dev libkrb5-dev libicu-dev libjansson-dev libosip2-dev
    libcmocka-dev"
run_packages="openssl gss-ntlmssp python3 python3-slixmpp"
test_packages="python3-cryptography clang clang-format clang-tidy libclang-rt-14-dev libxml2-utils
    chromium chromium-driver python3-exchangelib python3-requests python3-requests-ntlm curl krb5-kdc
    krb5-admin-server krb5-user davmail-server sip-tester kamailio baresip-core
    kamailio-tls-modules kamailio-presence-modules
    prosody lua-unbound ejabberd profanity"

# need_packages NAME...: installs those that are missing, as root or with sudo.
need_packages() {
    local missing=() name root=()

    for name in "$@"; do
        [ "$(dpkg-query -W -f='${db:Status-Status}' "$name" 2>/dev/null)" = installed ] ||
            missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "missing packages: ${missing[*]}" >&2
            echo "Install them as root (apt-get install ${missing[*]}), or install sudo." >&2
            return 1
        fi
        root=(sudo)
    fi
    echo "== installing ${missing[*]}"
    "${root[@]}" apt-get update -qq || return 1
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || return 1
}

# A user without a home has a compiler cache all the same.
[ -w "${HOME:-/nonexistent}" ] || export CCACHE_DIR=$PWD/build/.ccache

# build PRESET [TARGET...]: configures and builds into build/PRESET. In CI warnings are errors. Quiet
# unless it fails: what was printed is then shown.
build() {
    local preset=$1 log werror=OFF
    shift
    [ -z "${CI:-}" ] || werror=ON
    log=$(mktemp)
    if ! { cmake --preset "$preset" -DCMAKE_C_COMPILER_LAUNCHER=ccache -DKALENDS_WERROR=$werror &&
        cmake --build "build/$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        echo "building build/$preset failed" >&2
        return 1
    fi
    grep -A5 'warning:' "$log" || true
    rm -f "$log"
}
