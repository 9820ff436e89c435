# shellcheck shell=bash
# shellcheck disable=SC2154,SC2164 # tests/container/run sets `work`, and ends where a command fails
# Engines of other years for tests/container/run: a Debian of ENGINES (trixie, forky) with nothing but its engines and a compiler, which takes the
# place of this machine's files for the tests alone. The kernel is this machine's, and so are the repository, its target and the test program.

readonly ENGINES_DIR=${CARGO_TARGET_DIR:-$PWD/target}/engines
readonly ENGINES_PACKAGES=docker.io,docker-cli,docker-compose,podman,crun,runc,uidmap,skopeo,busybox-static,iptables,gcc,libc6-dev

# make_engines SUITE: once; a gigabyte each. A suite that is not released yet has lists that expire in a week, and mirrors with older ones;
# who signed them is checked all the same.
make_engines() {
    [[ ! -e $ENGINES_DIR/$1 ]] || return 0
    command -v mmdebstrap >/dev/null || install_packages mmdebstrap
    mkdir -p "$ENGINES_DIR"
    rm -rf "$ENGINES_DIR/$1.new"
    mmdebstrap --variant=minbase --include="$ENGINES_PACKAGES" --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' --aptopt='Acquire::Languages "none"' \
        --aptopt='Acquire::Check-Valid-Until "false"' "$1" "$ENGINES_DIR/$1.new" 2>"$ENGINES_DIR/$1.log" || {
        tail -3 "$ENGINES_DIR/$1.log" >&2
        die "mmdebstrap failed"
    }
    mv "$ENGINES_DIR/$1.new" "$ENGINES_DIR/$1"
}

# enter_engines SUITE PATH…: makes it this mount namespace's root, with these paths as they are here. What is written to it stays in memory, and
# ends with the namespace. No chroot(2), in which nobody may make a user namespace (user_namespaces(7)), as rootless engines do.
enter_engines() {
    local suite=$1 layers=$work/layers path
    shift
    mkdir "$layers"
    mount -t tmpfs -o mode=755 layers "$layers"
    mkdir "$layers"/{upper,work,root}
    mount -t overlay -o "lowerdir=$ENGINES_DIR/$suite,upperdir=$layers/upper,workdir=$layers/work" root "$layers/root"
    for path in proc sys dev; do mount --rbind "/$path" "$layers/root/$path"; done
    for path in "$@"; do
        # One may lie in another.
        [[ -e $layers/root$path ]] || if [[ -d $path ]]; then mkdir -p "$layers/root$path"; else install -D /dev/null "$layers/root$path"; fi
        mount --bind "$path" "$layers/root$path"
    done
    path=$PWD
    cd "$layers/root"
    pivot_root . .
    umount -l .
    cd "$path"
    hash -r
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}
