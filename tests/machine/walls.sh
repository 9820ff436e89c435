# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/machine/service sets what stands in capitals
# What systemd walls the service in with, and what holds within it, sourced by tests/machine/service.

# Of `systemd-analyze security`, at most: as it is, and without mounts. They only go down.
readonly EXPOSED=2.0 LEAST_EXPOSED=1.6

# score [MOST]
score() {
    local score most=${1:-$EXPOSED}
    score=$(there "systemd-analyze security --no-pager kiroclaw.service" | sed -nE 's/.*exposure level for kiroclaw.service: ([0-9.]+).*/\1/p')
    printf '   systemd-analyze security: %s of 10, at most %s\n' "$score" "$most"
    awk -v score="$score" -v most="$most" 'BEGIN { exit !(score != "" && score + 0 <= most + 0) }'
}

# What each guarantee holds by, tried from inside a jail within the walls of the service as it is, drop-ins and all: by a copy of its unit.
guarantees() {
    there 'set -e
        cd /run/systemd/system && cp /etc/systemd/system/kiroclaw.service tries.service && mkdir tries.service.d
        [ ! -e kiroclaw.service.d ] || cp kiroclaw.service.d/* tries.service.d
        cat >tries.service.d/zz.conf && systemctl daemon-reload
        systemctl start tries || true
        cat /run/tries && rm -r tries.service tries.service.d /run/tries && systemctl daemon-reload' <<'END' | grep -E '^ +(holds|open) '
[Service]
Type=oneshot
ExecStart=
ExecStart=/usr/local/bin/kiroclaw policy explain tg-acp
WatchdogSec=0
Restart=no
StandardOutput=file:/run/tries
END
}

all_hold() {
    local said
    said=$(guarantees)
    printf '%s\n' "$said"
    [[ $(grep -c '^ *holds' <<<"$said") == 11 ]]
}

# The drop-in for who counts points; the service is as it was afterwards, whatever came of it.
without_mounts() {
    local well=
    there "install -Dm 644 /tmp/new/without-mounts.conf $DROP_INS/without-mounts.conf && systemctl daemon-reload && systemctl restart kiroclaw"
    if eventually healthy && score "$LEAST_EXPOSED" && lacking; then well=yes; fi
    there "rm -r $DROP_INS && systemctl daemon-reload && systemctl restart kiroclaw" && eventually healthy && [[ -n $well ]]
}

# Agents go on, what they lack is named, and they have no powers in spite of it.
lacking() {
    local said
    said=$(guarantees)
    printf '%s\n' "$said"
    [[ $(sed -nE 's/^ *open +([a-z-]+):.*/\1/p' <<<"$said" | sort | tr '\n' ' ') == "metadata planting processes unix-sockets " ]] &&
        grep -q "signals: .* – $(of_suite 'a process namespace' Landlock) " <<<"$said" && converse without-mounts &&
        allowed "echo powerless \$(grep -c '^Cap.*:.0000000000000000\$' /proc/self/status)" && telegram wait "$USER_ID" "powerless 5" "$PATIENCE" >/dev/null
}
