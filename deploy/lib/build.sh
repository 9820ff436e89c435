# Which build goes to the server: a release beside this script, a checkout, or what was named. Sourced; defines functions only.
# shellcheck shell=sh

# find_build ARCHITECTURE: into `build` (a directory with kiroclaw, kiro-config, systemd, docker), `program` and `version`.
find_build() {
    build='' program=''
    if [ -n "$release_given" ]; then
        take_release "$release_given"
    elif [ -x "$here/../kiroclaw" ]; then
        build=$(cd "$here/.." && pwd)
    elif [ -e "$here/../Cargo.toml" ]; then
        build=$(cd "$here/.." && pwd)
        program=$build/target/$1-unknown-linux-musl/release/kiroclaw
        [ -n "$binary" ] || [ -e "$program" ] ||
            die "there is no build for $1: make one with release/build --arch $1, or name one with --release= or --binary="
    else
        die "there is no build beside this script: name one with --release="
    fi
    [ -z "$binary" ] || program=$binary
    program=${program:-$build/kiroclaw}
    [ "$(architecture_of "$program")" = "$1" ] || die "$program is not built for $1, which the server is"
    find_version
}

# take_release FILE: a tarball of release/build, or a directory like it.
take_release() {
    if [ -d "$1" ]; then
        build=$(cd "$1" && pwd)
    else
        [ -r "$1" ] || die "$1 cannot be read"
        mkdir "$work/release"
        tar -xzf "$1" -C "$work/release" || die "$1 is no release"
        build=$(echo "$work"/release/*)
    fi
    [ -e "$build/kiroclaw" ] || die "$1 has no program kiroclaw: it is no release"
}

# The machine of an ELF file: two bytes at 18 (elf(5), e_machine).
architecture_of() {
    case $(od -An -tx1 -j18 -N2 "$1" 2>/dev/null | tr -d ' ') in
    3e00) echo x86_64 ;;
    b700) echo aarch64 ;;
    esac
}

# A release has its version in its name. Anything else is told apart by what it contains.
find_version() {
    if [ "$program" = "$build/kiroclaw" ] && [ "${build##*/kiroclaw-}" != "$build" ]; then
        version=${build##*/kiroclaw-}
    else
        version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$build/Cargo.toml" 2>/dev/null | head -n 1)
        version=${version:-0}-$(digest "$program" | cut -c 1-8)
    fi
    case $version in *[!A-Za-z0-9._+-]* | .* | '') die "$build: its version is no version: $version" ;; esac
}

# digest FILE: its SHA-256, as Linux and macOS have it.
digest() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi
}

# What goes there, below `stage`.
stage_build() {
    mkdir -p "$work/stage/release"
    cp "$program" "$work/stage/release/kiroclaw"
    for part in kiro-config systemd docker; do
        [ ! -d "$build/$part" ] || cp -RL "$build/$part" "$work/stage/release/"
    done
}
