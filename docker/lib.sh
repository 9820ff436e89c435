# shellcheck shell=sh
# What docker/build and docker/oci share; `here` is this directory.

# It is root's; the service writes to one directory alone, which is this user's and group's.
readonly USER_ID=1000

die() {
    echo "docker: $1" >&2
    exit 1
}

# In a checkout the static binary lies where cargo puts it, in a release beside this directory.
find_binary() {
    for found in "$here/../kiroclaw" "$here/../target/$(uname -m)-unknown-linux-musl/release/kiroclaw"; do
        [ ! -f "$found" ] || { echo "$found" && return; }
    done
    die "there is no static binary; name one"
}

# VERSION, else a checkout's, else that of a release's directory, kiroclaw-VERSION.
find_version() {
    above=$(basename "$(dirname "$here")")
    if [ -n "${VERSION:-}" ]; then
        echo "$VERSION"
    elif [ -f "$here/../Cargo.toml" ]; then
        sed -n 's/^version = "\(.*\)"$/\1/p' "$here/../Cargo.toml" | head -n 1
    elif [ "$above" != "${above#kiroclaw-}" ]; then
        echo "${above#kiroclaw-}"
    else
        die "the version is not known; set VERSION"
    fi
}

# add OWNER HOW PATH: one entry of layer.tar. What is in it has no time of its own.
add() {
    tar --format=ustar --numeric-owner --owner="$1" --group="$1" --mtime="@${SOURCE_DATE_EPOCH:-0}" --no-recursion \
        -C "$dir/root" "$2" -f "$dir/layer.tar" "$3"
}

# make_layer BINARY DIR: DIR/layer.tar, all that the image holds; the same bytes wherever it is made (GNU tar).
make_layer() {
    dir=$2
    (umask 022 && mkdir -p "$dir/root/usr/local/bin" "$dir/root/etc/kiroclaw" "$dir/root/var/lib/kiroclaw" "$dir/root/tmp")
    cp "$1" "$dir/root/usr/local/bin/kiroclaw"
    chmod 755 "$dir/root/usr/local/bin/kiroclaw"
    chmod 1777 "$dir/root/tmp"
    chmod 700 "$dir/root/var/lib/kiroclaw"
    add 0 -c etc
    for path in etc/kiroclaw tmp usr usr/local usr/local/bin usr/local/bin/kiroclaw var var/lib; do add 0 -r "$path"; done
    add "$USER_ID" -r var/lib/kiroclaw
    rm -rf "$dir/root"
}
