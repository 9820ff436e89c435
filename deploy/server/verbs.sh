# What deploy.sh asks of the server, a function for each.
# shellcheck shell=sh

main() {
    verb=$1
    shift
    changed=
    trap 'ended $?' EXIT
    "verb_$verb" "$@"
}

# verb_look [MODE]: the facts by which deploy/lib/decide.sh decides. Changes nothing. Engines are asked where they matter: that takes a while.
verb_look() {
    echo "arch=$(uname -m)"
    echo "kernel=$(uname -r)"
    # shellcheck disable=SC1091
    echo "system=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME-}")"
    echo "landlock=$(look_landlock)"
    echo "namespaces=$(look_namespaces)"
    echo "memory=$(awk '$1 == "MemTotal:" { print int($2 / 1024 + 32) }' /proc/meminfo)" # 32: what the kernel has taken for itself
    echo "disk=$(df -Pk /var/lib /usr/local /opt 2>/dev/null | awk 'NR > 1 && (NR == 2 || $4 < least) { least = $4 } END { print int(least / 1024) }')"
    [ ! -d /run/systemd/system ] || echo "systemd=$(systemctl --version | awk 'NR == 1 { print $2 }')"
    look_engines "${1:-$(installed_mode)}"
    echo "lacks=$(for tool in tar gzip flock install stat sha256sum timeout; do command -v $tool >/dev/null || printf '%s ' $tool; done)"
    look_installed
}

look_landlock() {
    if [ ! -r /sys/kernel/security/lsm ]; then echo unknown; elif grep -q landlock /sys/kernel/security/lsm; then echo yes; else echo no; fi
}

look_namespaces() {
    if [ "$(cat /proc/sys/user/max_user_namespaces 2>/dev/null || echo 0)" = 0 ] ||
        [ "$(cat /proc/sys/kernel/unprivileged_userns_clone 2>/dev/null || echo 1)" = 0 ]; then
        echo no
    elif [ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null || echo 0)" = 1 ]; then
        echo restricted
    else
        echo yes
    fi
}

# look_engines MODE: of the one that is wanted; of both where nothing is wanted and there is no systemd.
look_engines() {
    wanted=$1
    [ -n "$wanted" ] || [ -d /run/systemd/system ] || wanted=any
    case $wanted in
    docker | any)
        echo "docker=$(timeout 60 docker version --format '{{.Server.Version}}' 2>/dev/null || :)"
        if timeout 60 docker compose version >/dev/null 2>&1; then echo "compose=docker compose"; else echo "compose=$(command -v docker-compose || :)"; fi
        ;;
    esac
    case $wanted in podman | any) echo "podman=$(timeout 60 podman --version 2>/dev/null | awk '{ print $3 }')" ;; esac
}

look_installed() {
    mode=$(installed_mode)
    echo "mode=$mode"
    [ -z "$mode" ] || echo "version=$("${mode}_current")"
    [ ! -s "$ETC/secrets/bot-token" ] || echo "token=yes"
    [ ! -s "$ETC/.env" ] || echo "settings=yes"
    PATH=$PATH:$DATA/.local/bin
    echo "kiro=$(command -v kiro-cli || :)"
}

# verb_put MODE VERSION: places it and what belongs to it, starts it where something changed, and goes back where it does not get healthy.
verb_put() {
    mode=$1
    "${mode}_place" "$2"
    # What ran before an attempt that was cut off is what ran before this one.
    before=$(cat "$ETC/.trial" 2>/dev/null || "${mode}_current")
    printf '%s\n' "$before" >"$ETC/.trial"
    # shellcheck disable=SC2154 # what was placed, by whoever placed it
    "${mode}_switch" "$release"
    if [ -z "$changed" ] && "${mode}_health" >/dev/null 2>&1; then
        step "nothing to change: version $release is healthy"
        rm -f "$ETC/.trial"
        return
    fi
    step "starting version $release"
    "${mode}_start"
    step "waiting until it is healthy"
    if healthy_in_time; then
        step "healthy"
        [ "$before" = "$release" ] || "${mode}_remember" "$before"
        rm -f "$ETC/.trial"
        try_jail
        return
    fi
    tell_log
    if [ -z "$before" ] || [ "$before" = "$release" ]; then
        fail "version $release does not get healthy. Mend what it says, and run this again"
    fi
    go_back "$before"
    fail "version $release does not get healthy, so version $before runs again"
}

tell_log() {
    step "it does not get healthy; the last that it said:"
    "${mode}_logs" 15 | sed 's/^/      /' || :
}

# The bot is healthy where its agents may not start: that is told, with what would mend it.
try_jail() {
    agent=$(sed -n "s/^KIRO_AGENT_NAME=[\"']*\([a-z0-9_-]*\).*/\1/p" "$ETC/.env" | tail -n 1)
    step "trying an agent's jail"
    "${mode}_kiroclaw" policy explain "${agent:-tg-acp}" >explained 2>&1 </dev/null || {
        step "its agent would not start here:"
        sed 's/^/      /' explained
    }
}

go_back() {
    step "going back to version $1"
    "${mode}_switch" "$1"
    "${mode}_start"
    # More patience than with the new one, since there is nothing else to go over to.
    healthy_in_time $((3 * HEALTHY_SECONDS)) || fail "version $1, which ran before, does not get healthy either. See --logs"
    rm -f "$ETC/.trial"
}

verb_restart() {
    mode=$(installed)
    step "starting it anew"
    "${mode}_start"
    healthy_in_time || fail "it does not get healthy. See --logs"
    step "healthy"
}

# kiro-cli, where there is none.
verb_kiro() {
    mode=$(installed)
    "${mode}_kiro"
}

installed() {
    found=$(installed_mode)
    [ -n "$found" ] || fail "kiroclaw is not installed here"
    echo "$found"
}

# 0 where it is healthy.
verb_status() {
    mode=$(installed)
    previous=$("${mode}_previous")
    echo "version: $("${mode}_current")${previous:+ (before: $previous)}, by $mode"
    echo "state: $("${mode}_state")"
    echo "data: $(du -sh "$DATA" 2>/dev/null | cut -f 1) in $DATA, $(df -Ph "$DATA" | awk 'NR == 2 { print $4 }') left"
    "${mode}_health"
}

verb_logs() {
    mode=$(installed)
    "${mode}_logs" "$1"
}

# verb_uninstall [purge]: data and settings stay unless told.
verb_uninstall() {
    mode=$(installed_mode)
    if [ -n "$mode" ]; then
        step "stopping and removing it"
        "${mode}_remove"
    fi
    rm -f "$ETC/.trial"
    if [ "${1-}" = purge ]; then
        step "deleting $ETC and $DATA"
        rm -rf "$ETC" "$DATA"
        systemd_forget_user
    else
        step "kept: $ETC and $DATA"
    fi
}
