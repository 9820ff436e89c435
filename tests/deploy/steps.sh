# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/deploy/run sets what stands in capitals
# What the parts of tests/deploy/run are made of.

# step NAME COMMAND…: goes on after a failure, and remembers it.
step() {
    local name=$1 start=$SECONDS code=0
    shift
    # Not as a condition, where the shell would go on in the middle of the command.
    (set -e && "$@") &
    wait $! || code=$?
    if ((code == 0)); then
        printf '── %s: ok (%s s)\n' "$name" $((SECONDS - start))
    else
        printf '── %s: FAILED (%s s)\n' "$name" $((SECONDS - start))
        failed+=("$name")
        grep -av '30;107m' "$DIR/said" 2>/dev/null | tail -n 15 | sed 's/^/   | /' || true
    fi
}

# there COMMAND: as root on the machine.
there() { "$MACHINE" ssh "$@"; }

telegram() { "$STAND_IN" "$DIR/telegram" "$@"; }

# deploy CODE WORDS…: deploy.sh of the release that is named in `release`, which ends with CODE; what it said is in $DIR/said.
deploy() {
    local code=0
    env TELEGRAM_API_BASE="$base" dash "$DIR/${release:-kiroclaw-0.1.0}/deploy/${program:-deploy.sh}" "--ssh=${as:-vps}" \
        "--ssh-config=$DIR/ssh_config" "${@:2}" >"$DIR/said" 2>&1 </dev/null || code=$?
    [[ $code == "$1" ]] || { echo "   it ended with $code in place of $1" && return 1; }
}

said() {
    grep -qF -- "$1" "$DIR/said" || { echo "   it did not say: $1" && return 1; }
}

# not COMMAND…: as a command of its own, whose failure counts; the shell passes over one behind `!`.
not() { ! "$@"; }

eventually() {
    local end=$((SECONDS + PATIENCE))
    until "$@"; do
        ((SECONDS < end)) || { printf '   in vain: %s\n' "$*" && return 1; }
        sleep 1
    done
}

health() { there "cd /etc/kiroclaw && runuser -u kiroclaw -- kiroclaw health" >"$DIR/health" 2>&1; }
healthy() { health; }
unhealthy() { ! health && grep -q "$1" "$DIR/health"; }

# converse WORDS: a turn in a jail; the agent asks before it runs anything.
converse() {
    telegram say "$ANA" "run echo $1 and \$((40 + 2))" >/dev/null
    eventually telegram press "$ANA" "Allow once" >/dev/null 2>&1
    telegram wait "$ANA" "$1 and 42" "$PATIENCE" >/dev/null
}

# talk WORDS: a turn in a jail where there is nothing to run.
talk() {
    telegram say "$ANA" "say $1" >/dev/null
    telegram wait "$ANA" "$1" "$PATIENCE" >/dev/null
}

# version WANTED: what is current there.
version() {
    local now
    now=$(there "readlink /usr/local/lib/kiroclaw/current")
    [[ $now == "$1" ]] || { echo "   version $now runs in place of $1" && return 1; }
}

# pid_of ROLE: `warden` is the service's first process.
pid_of() {
    if [[ $1 == warden ]]; then
        there "systemctl show --value -p MainPID kiroclaw"
    else
        there "pgrep -u kiroclaw -fx 'kiroclaw $1'"
    fi
}

# other ROLE PID: another process has that role.
other() {
    local now
    now=$(pid_of "$1") && [[ $now =~ ^[1-9] && $now != "$2" ]]
}

# A program that is no kiroclaw: release NAME, made of the C text on standard input.
release_of() {
    cp -r "$DIR/kiroclaw-0.1.0" "$DIR/kiroclaw-$1"
    gcc -static -O1 -x c -o "$DIR/kiroclaw-$1/kiroclaw" -
}

# Releases, as release/build lays them out: two that work, one that dies, one that does nothing.
build() {
    export CC_x86_64_unknown_linux_musl=musl-gcc
    [[ -n ${KIROCLAW_BINARY-} ]] || cargo build --locked --release --target "$TARGET"
    [[ -n ${KIROCLAW_BINARY-} && -x $STAND_IN && -x $KIRO ]] || cargo build --locked --example telegram-stand-in --example kiro-cli-stand-in
    strip -o "$DIR/kiro-cli" "$KIRO"
    local first=$DIR/kiroclaw-0.1.0
    mkdir "$first"
    cp -rL kiro-config systemd deploy docker "$first/"
    cp "$BINARY" "$first/kiroclaw"
    local name
    for name in 0.1.1 0.1.2 0.1.3 0.1.4; do
        cp -r "$first" "$DIR/kiroclaw-$name"
        printf '%s' "$name" >>"$DIR/kiroclaw-$name/kiroclaw" # other bytes, which no program reads
        sed -i "s/^Description=.*/& ($name)/" "$DIR/kiroclaw-$name/systemd/kiroclaw.service"
    done
    release_of 0.2.0-dies <<<'int main(void) { return 3; }'
    release_of 0.2.0-hangs <<<'#include <unistd.h>
int main(int count, char **words) { if (count > 1 && words[1][0] == 0x68) return 1; for (;;) pause(); }'
    tar -C "$DIR" -czf "$DIR/kiroclaw-0.1.1-x86_64-linux.tar.gz" kiroclaw-0.1.1
    printf '── built (%s s)\n' "$SECONDS"
}

# The machine, Telegram, and the way from one to the other.
boot() {
    mkdir -p "$MACHINE_DIR" "$DIR/telegram"
    "$MACHINE" make
    if [[ -z ${KEEP_MACHINE-} ]] || ! there true 2>/dev/null; then
        "$MACHINE" stop && "$MACHINE" start
        untouched=yes
    fi
    "$STAND_IN" serve "$DIR/telegram" 7200 &
    telegram ready
    base=http://127.0.0.1:$(<"$DIR/telegram/port")
    cp "$DIR/telegram/token" "$DIR/token"
    write_ssh_config
    forward
    printf '── the machine runs (%s s)\n' "$SECONDS"
}

# As a person has it: names in an ssh_config. `vps` is root, `user` wants a password for sudo, `nopass` wants none.
write_ssh_config() {
    printf '%s\n' "Host *" " HostName 127.0.0.1" " Port $(<"$MACHINE_DIR/port")" " IdentityFile $MACHINE_DIR/key" " IdentitiesOnly yes" \
        " UserKnownHostsFile $MACHINE_DIR/known_hosts" " StrictHostKeyChecking yes" " LogLevel ERROR" "Host vps" " User root" \
        "Host user" " User tester" >"$DIR/ssh_config"
}

forward() {
    ssh -F "$DIR/ssh_config" -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=5 -o ServerAliveCountMax=24 -R "${base##*:}:127.0.0.1:${base##*:}" vps &
    forwarding=$!
}

# A machine that nobody has touched, since what is changed in one is gone when it stops.
another_machine() {
    [[ -z ${untouched-} ]] || return 0
    kill "$forwarding" 2>/dev/null || true
    "$MACHINE" stop
    "$MACHINE" start
    write_ssh_config
    forward
}

# Looks at every command line and environment for the token: here, and there by what runs there until `watched`.
watch_secrets() {
    (while sleep 0.2; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -aqFf "$DIR/token" && touch "$DIR/leaked"; done) &
    watching=$!
    # shellcheck disable=SC2016 # for the shell there
    there 'umask 077; cat >/root/token; (while sleep 0.3; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -aqFf /root/token && touch /root/leaked; done) >/dev/null 2>&1 & echo $! >/root/watching' <"$DIR/token"
}

watched() {
    kill "$watching"
    # shellcheck disable=SC2016
    there 'kill $(cat /root/watching); test ! -e /root/leaked' || { echo "   the token was in a command line or an environment there" && return 1; }
    [[ ! -e $DIR/leaked ]] || { echo "   the token was in a command line or an environment here" && return 1; }
}

end() {
    [[ -z ${watching-} ]] || kill "$watching" 2>/dev/null || true
    [[ -z ${forwarding-} ]] || kill "$forwarding" 2>/dev/null || true
    telegram stop || true
    [[ -n ${KEEP_MACHINE-} ]] || "$MACHINE" stop
    rm -rf "$DIR"
}
