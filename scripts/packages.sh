# Sourced by the other scripts: what the build and the tests need from Debian 12, and how it gets here.

build_packages="build-essential cmake ninja-build pkg-config ccache
    libev-dev libcurl4-openssl-dev libmicrohttpd-dev libc-ares-dev libssl-dev libxml2-dev
    libsqlite3-dev libgsasl-dev libicu-dev libjansson-dev libcmocka-dev"
run_packages="openssl python3 python3-slixmpp"
test_packages="clang clang-format clang-tidy libclang-rt-14-dev libxml2-utils
    python3-exchangelib python3-requests"

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

# build PRESET [CMAKE-ARGUMENT...]: configures and builds into build/PRESET.
build() {
    local preset=$1
    shift
    cmake --preset "$preset" -DCMAKE_C_COMPILER_LAUNCHER=ccache "$@" >"/tmp/kalends-configure.$$" ||
        { cat "/tmp/kalends-configure.$$"; rm -f "/tmp/kalends-configure.$$"; return 1; }
    rm -f "/tmp/kalends-configure.$$"
    cmake --build "build/$preset"
}
