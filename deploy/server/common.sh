# What every way of running kiroclaw has in common on the server. Runs there, as root; deploy.sh sends all of server/ as one script.
# shellcheck shell=sh
set -eu

readonly ETC=/etc/kiroclaw           # settings, as the service's working directory
readonly DATA=/var/lib/kiroclaw      # store, homes, workspaces: what --uninstall keeps
readonly INNER=$DATA/container      # the same, of a container
readonly PROGRAMS=/usr/local/lib/kiroclaw
readonly KIRO_URL=https://prod.download.cli.kiro.dev/stable # has kiro-cli and its manifest
readonly HEALTHY_SECONDS=90          # a small server starts in two; one that is emulated, in twenty

# What is done, a line each. Whoever reads it may have gone away, which is no reason to stop in the middle.
step() {
    at_step=$*
    printf '  · %s\n' "$*" 2>/dev/null || :
}

fail() {
    at_step=
    printf 'on the server: %s\n' "$*" >&2 2>/dev/null || :
    exit 1
}

# ended CODE: what nobody foresaw ends a run with the words of whichever program it was; where that was is said here.
ended() {
    [ "$1" = 0 ] || [ -z "${at_step-}" ] ||
        fail "it stopped at \`$at_step\`; see above. Mend that and run this again: it goes on from there"
}

# put FROM TO MODE OWNER: a file as it is to be, exchanged as a whole; remembers in `changed` that it was another.
put() {
    [ -d "${2%/*}" ] || install -d -m 755 "${2%/*}"
    if cmp -s "$1" "$2"; then
        chmod "$3" "$2"
        chown "$4" "$2"
    else
        install -m "$3" -o "${4%:*}" -g "${4#*:}" "$1" "$2.new"
        mv -f "$2.new" "$2"
        changed=yes
    fi
}

# put_secret NAME TEXT OWNER: the same, from a variable; nothing but a shell's own words touches the text.
put_secret() {
    [ -n "$2" ] || return 0
    if [ "$(cat "$ETC/secrets/$1" 2>/dev/null)" != "$2" ]; then
        (umask 077 && printf '%s\n' "$2" >"$ETC/secrets/$1.new")
        mv -f "$ETC/secrets/$1.new" "$ETC/secrets/$1"
        changed=yes
    fi
    chmod 600 "$ETC/secrets/$1"
    chown "$3" "$ETC/secrets/$1"
}

# put_settings GROUP OWNER_OF_SECRETS: /etc/kiroclaw. Templates of agents are the operator's after the first time.
put_settings() {
    step "settings in $ETC"
    install -d -m 750 -o root -g "$1" "$ETC"
    install -d -m 700 -o "$2" "$ETC/secrets"
    for file in .env config.json; do
        [ ! -e "etc/$file" ] || put "etc/$file" "$ETC/$file" 640 "root:$1"
    done
    [ -e "$ETC/.env" ] || fail "there are no settings in $ETC/.env; run deploy.sh without --update"
    if [ -d release/kiro-config ] && [ ! -e "$ETC/kiro-config" ]; then
        rm -rf "$ETC/kiro-config.new"
        cp -R release/kiro-config "$ETC/kiro-config.new"
        chmod -R u=rwX,g=rX,o= "$ETC/kiro-config.new"
        chown -R "root:$1" "$ETC/kiro-config.new"
        mv "$ETC/kiro-config.new" "$ETC/kiro-config"
    fi
    # shellcheck disable=SC2154 # the line that starts this script has read them
    put_secret bot-token "$secret_1" "$2"
    # shellcheck disable=SC2154
    put_secret kiro-api-key "$secret_2" "$2"
    [ -s "$ETC/secrets/bot-token" ] || fail "there is no bot token in $ETC/secrets; run deploy.sh without --update"
}

# put_data OWNER: where state and workspaces lie, in `place`; the owner's alone. What another way of running it left there is taken over.
put_data() {
    place=$(place_of "$mode")
    install -d -m 700 "$DATA"
    if [ "$place" = "$DATA" ]; then
        move_all "$INNER" "$DATA"
        rmdir "$INNER" 2>/dev/null || :
    elif [ ! -d "$INNER" ]; then
        # The owner's number inside a container may be anybody's outside, who is kept away by the directory around it.
        install -d "$INNER.new"
        move_all "$DATA" "$INNER.new"
        mv -T "$INNER.new" "$INNER"
        chown root:root "$DATA"
    fi
    [ "$(stat -c %U:%G "$place")" = "$1" ] || [ "$(stat -c %u:%g "$place")" = "$1" ] || chown -R "$1" "$place"
    chmod 700 "$place"
}

# move_all FROM TO: all that is in a directory, into one that may lie in it.
move_all() {
    for entry in "$1"/* "$1"/.[!.]*; do
        case $entry in "$2" | "$1/*" | "$1/.[!.]*") ;; *) mv "$entry" "$2/" ;; esac
    done
}

# place_of MODE: on this machine, of what kiroclaw itself sees in $DATA.
place_of() {
    case $1 in systemd) echo "$DATA" ;; *) echo "$INNER" ;; esac
}

# healthy_in_time [SECONDS]: waits until it is healthy. 1: it is not, in time or ever.
healthy_in_time() {
    end=$(($(date +%s) + ${1:-$HEALTHY_SECONDS}))
    until "${mode}_health" >/dev/null 2>&1; do
        ! "${mode}_gave_up" || return 1
        [ "$(date +%s)" -lt "$end" ] || return 1
        sleep 1
    done
}

# What runs kiroclaw here, if anything does.
installed_mode() {
    if [ -e /etc/systemd/system/kiroclaw.service ]; then
        echo systemd
    elif [ -e /opt/kiroclaw/compose.yaml ]; then
        echo docker
    elif [ -e /etc/containers/systemd/kiroclaw.container ]; then
        echo podman
    fi
}

# link TO NAME: exchanged in one step.
link() {
    ln -sfn "$1" "$2.new"
    mv -fT "$2.new" "$2"
}
