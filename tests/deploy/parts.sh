# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/deploy/run sets what stands in capitals
# The parts of tests/deploy/run, in the order of a server's life.

part_installed() {
    # A machine that runs already may have one.
    [[ -z ${KEEP_MACHINE-} ]] || deploy 0 --uninstall --purge --yes
    step "what it would do" dry_run
    watch_secrets
    step "installed by answering questions, to the first answer" answers_questions
    step "the picture leads to the bot" picture
    step "a conversation" converse first
    step "the token is in no command line, journal or readable file" secrets_are_kept
    step "status" status
    step "log" log
    step "memory of the idle appliance" memory
    step "start to first poll" first_poll
    step "nothing to change" again
}

part_kept() {
    step "update" update
    step "an update that dies goes back" goes_back 0.2.0-dies
    step "an update that hangs goes back" goes_back 0.2.0-hangs
    step "restart, by a user whose sudo wants a password" restart
    step "one at a time" one_at_a_time
    step "kiro-cli's login" kiro_login
    step "a key of kiro-cli in place of a login" kiro_key
    local at
    for at in "settings in" "version 0.1.2" "starting version" "waiting until"; do
        step "cut off at '$at', and again" cut_off 0.1.2 "$at"
    done
    step "the connection is lost at 'starting version', and it goes on" connection_lost
    step "a conversation afterwards" converse kept
}

part_broken() {
    local role
    for role in gateway egress warden; do step "kill -9 of the $role" killed "$role"; done
    step "a full disk" full_disk
}

part_restarted() {
    step "the machine restarts" machine_restarts
}

part_saved() {
    step "a backup by a passphrase" saved
    step "a backup for a key" saved_for_key
    step "only the last ones are kept" last_ones
    step "a backup every night" nightly
    step "restored where it was" restored
    step "a wrong passphrase changes nothing" wrong_passphrase
    step "uninstalled, with its data kept, and back" uninstalled
    step "uninstalled with all" purged
}

dry_run() {
    deploy 0 --dry-run --yes --token-file="$DIR/token" --config=<(echo "ALLOWED_TELEGRAM_IDS=$ANA")
    said "Debian GNU/Linux ${VERSIONS[${SUITE:-bookworm}]}"
    said "as a service of systemd"
    said "nothing was done"
    there "! test -e /etc/kiroclaw && ! test -e /usr/local/lib/kiroclaw"
    [[ ${SUITE:-bookworm} == bookworm ]] || return 0
    deploy 1 --dry-run --yes --mode=podman
    said "Podman there is 4.3.1, and units for it (Quadlet) want 4.9 or newer"
}

# Eve writes first and is refused; Ana's first message is answered when it runs.
answers_questions() {
    cat >"$DIR/script" <<END
wait The token
paste $DIR/token
wait It is @stand_in_bot
wait Shall I wait
type y
wait Write anything to
run $STAND_IN $DIR/telegram say $EVE 'let me in'
wait id $EVE
type n
run $STAND_IN $DIR/telegram say $ANA 'help'
wait id $ANA
type y
wait Which agent
type 2
wait Shall I
type y
END
    local start=$SECONDS
    TELEGRAM_API_BASE=$base python3 tests/deploy/typist.py "$DIR/script" -- \
        dash "$DIR/kiroclaw-0.1.0/deploy/deploy.sh" --ssh=vps "--ssh-config=$DIR/ssh_config" >"$DIR/said" &
    local typing=$!
    telegram wait "$ANA" "escape" $((2 * PATIENCE)) >/dev/null
    local took=$((SECONDS - start))
    wait "$typing"
    cp "$DIR/said" "$DIR/screen"
    printf '   %s s from deploy.sh to the first answer (at most %s)\n' "$took" "$MOST_SECONDS"
    ((took <= MOST_SECONDS))
    not grep -qF "$(<"$DIR/token")" "$DIR/said"
    said "healthy"
}

picture() {
    grep -a '30;107m' "$DIR/screen" | tr -d '\r' | python3 tests/deploy/picture.py >"$DIR/picture.pbm"
    [[ $(zbarimg -q --raw "$DIR/picture.pbm" 2>/dev/null) == https://t.me/stand_in_bot ]]
}

secrets_are_kept() {
    watched
    local token
    token=$(<"$DIR/token")
    # shellcheck disable=SC2016 # for the shell there
    there '! journalctl -q --no-pager | grep -qFf /root/token' || { echo "   the journal has it" && return 1; }
    there 'find / -xdev \( -path /proc -o -path /root \) -prune -o -type f -size -64k -perm /0077 -print0 | xargs -0 grep -laFf /root/token || true' >"$DIR/found"
    [[ ! -s $DIR/found ]] || { sed 's/^/   it is in /' "$DIR/found" && return 1; }
    [[ $(there "stat -c '%a %U' /etc/kiroclaw/secrets /etc/kiroclaw/secrets/bot-token /var/lib/kiroclaw" | tr '\n' ,) == "700 root,600 root,700 kiroclaw," ]]
    there '! grep -rqFf /root/token /run/kiroclaw-deploy'
    [[ -s $DIR/screen ]]
    not grep -qF "${token#*:}" "$DIR/screen"
}

status() {
    deploy 0 --status
    sed 's/^/   /' "$DIR/said"
    said "version: 0.1.0, by systemd"
    said "state: active"
}

log() {
    deploy 0 --logs=50
    said "kiroclaw serves"
}

memory() {
    local all
    # shellcheck disable=SC2016
    all=$(there 'for pid in $(cat /sys/fs/cgroup/system.slice/kiroclaw.service/cgroup.procs /sys/fs/cgroup/system.slice/kiroclaw.service/*/cgroup.procs 2>/dev/null | sort -u); do
        echo $(sed -n "s/^Pss: *//p" /proc/$pid/smaps_rollup) $(tr "\0" " " </proc/$pid/cmdline); done')
    printf '%s\n' "$all"
    awk -v most="$MOST_MEMORY" '{ sum += $1 } END { printf "   %d kB of %d\n", sum, most; exit !(NR >= 3 && sum <= most) }' <<<"$all"
}

# By the times that the journal has.
first_poll() {
    there "systemctl restart kiroclaw"
    telegram polled
    local begun polled
    begun=$(there "systemctl show --value -p ExecMainStartTimestampMonotonic kiroclaw")
    polled=$(there "journalctl -q -u kiroclaw -g 'polling' -n 1 -o json --no-pager" | sed -n 's/.*"__MONOTONIC_TIMESTAMP":"\([0-9]*\)".*/\1/p')
    printf '   %s ms from start to first poll, on a processor that is emulated\n' $(((polled - begun) / 1000))
}

again() {
    deploy 0 --yes
    said "nothing to change: version 0.1.0 is healthy"
}

update() {
    deploy 0 --update --yes "--release=$DIR/kiroclaw-0.1.1-x86_64-linux.tar.gz"
    said "healthy"
    version 0.1.1
    there "test \$(readlink /usr/local/lib/kiroclaw/previous) = 0.1.0"
    there "systemctl show --value -p Description kiroclaw" | grep -qF "(0.1.1)" || { echo "   systemd has the unit of another version" && return 1; }
    converse updated
}

goes_back() {
    release=kiroclaw-$1 deploy 1 --update --yes
    said "so version 0.1.1 runs again"
    version 0.1.1
    deploy 0 --status
    converse "back-from-$1"
}

restart() {
    there "usermod -aG sudo tester && echo tester:swordfish | chpasswd"
    printf 'wait Password\ntype swordfish\nwait healthy\n' >"$DIR/script"
    TELEGRAM_API_BASE=$base python3 tests/deploy/typist.py "$DIR/script" -- \
        dash "$DIR/kiroclaw-0.1.1/deploy/deploy.sh" --ssh=user "--ssh-config=$DIR/ssh_config" --restart >"$DIR/said"
    not grep -qF swordfish "$DIR/said"
    as=user deploy 1 --yes --restart
    said "wants a password"
}

# kiro-cli itself cannot be had here.
kiro_login() {
    bring_kiro
    release=kiroclaw-0.1.1 deploy 1 --login
    said "a login wants a terminal"
    log_in kiroclaw-0.1.1 vps "enter ABCD-1234"
    log_in kiroclaw-0.1.1 vps "It is logged in already"
    there "rm /usr/local/bin/kiro-cli* && test \"\$(stat -c '%U %a' /var/lib/kiroclaw/.local/share/kiro-cli)\" = 'kiroclaw 755' && rm -r /var/lib/kiroclaw/.local"
    release=kiroclaw-0.1.1 deploy 0 --restart
}

# It refuses whoever is not logged in.
bring_kiro() {
    gzip -c "$DIR/kiro-cli" | there "cd /usr/local/bin && gzip -dc >kiro-cli && chmod 755 kiro-cli && cp kiro-cli kiro-cli-chat && echo '{\"require_login\": true}' >stand-in.json"
}

kiro_key() {
    bring_kiro
    echo key-of-kiro >"$DIR/kiro-key"
    release=kiroclaw-0.1.1 deploy 0 --yes --api-key-file="$DIR/kiro-key"
    said "kiro-cli is there"
    [[ $(there "stat -c '%a %U' /etc/kiroclaw/secrets/kiro-api-key") == "600 root" ]]
    telegram say "$ANA" "/new" >/dev/null
    talk by-kiro-cli
    there "rm /usr/local/bin/kiro-cli* /etc/kiroclaw/secrets/kiro-api-key"
    release=kiroclaw-0.1.1 deploy 0 --yes
    said "healthy"
    telegram say "$ANA" "/new" >/dev/null
    converse by-the-demo
}

# log_in RELEASE HOST TEXT: at a terminal, where TEXT is said and a line is given.
log_in() {
    printf 'wait %s\ntype \nwait healthy\n' "$3" >"$DIR/script"
    python3 tests/deploy/typist.py "$DIR/script" -- \
        dash "$DIR/$1/deploy/deploy.sh" "--ssh=$2" "--ssh-config=$DIR/ssh_config" --login >"$DIR/said"
}

# Who holds the lock says who else has to wait; the second one begins when the first is done.
one_at_a_time() {
    there "exec 8>/run/kiroclaw-deploy/lock && flock 8 && sleep 15" &
    sleep 3
    local start=$SECONDS
    release=kiroclaw-0.1.1 deploy 0 --restart
    ((SECONDS - start >= 10))
}

# cut_off VERSION TEXT: here and there everything dies when that step begins, as in a power cut; whoever does it again gets there.
cut_off() {
    there "sed -i 's/^LOG_LEVEL=.*//' /etc/kiroclaw/.env && ln -sfn 0.1.1 /usr/local/lib/kiroclaw/current && rm -rf /usr/local/lib/kiroclaw/$1 && systemctl restart kiroclaw"
    start_put "$1"
    eventually_said "$2"
    kill -9 -- "-$putting"
    there "pkill -9 -f '[k]iroclaw-deploy put' || true"
    release=kiroclaw-$1 deploy 0 --yes
    version "$1"
    eventually healthy
    converse "after-$1"
}

# In a group of its own, so that it can be ended with what it started.
start_put() {
    : >"$DIR/said"
    set -m
    env TELEGRAM_API_BASE="$base" dash "$DIR/kiroclaw-$1/deploy/deploy.sh" --ssh=vps "--ssh-config=$DIR/ssh_config" --yes >"$DIR/said" 2>&1 </dev/null &
    putting=$!
    set +m
}

eventually_said() {
    local end=$((SECONDS + PATIENCE))
    until grep -qF "$1" "$DIR/said"; do
        ((SECONDS < end)) || { echo "   it did not say: $1" && return 1; }
        sleep 0.1
    done
}

# Only this side dies.
connection_lost() {
    start_put 0.1.3
    eventually_said "starting version"
    kill -9 -- "-$putting"
    eventually there "test -e /run/kiroclaw-deploy/lock && flock -n /run/kiroclaw-deploy/lock true"
    version 0.1.3
    there "! test -e /etc/kiroclaw/.trial"
    healthy
}

killed() {
    local pid
    pid=$(pid_of "$1")
    telegram killing
    there "kill -9 $pid"
    eventually other "$1" "$pid"
    eventually healthy
    converse "after-$1"
}

full_disk() {
    # shellcheck disable=SC2016 # for the shell there
    there 'fallocate -l $(($(df --output=avail -B1 /var/lib/kiroclaw | tail -n 1) - 8 * 1024 * 1024)) /var/lib/full'
    eventually unhealthy "disk is full"
    deploy 1 --status
    said "disk is full"
    there "rm /var/lib/full"
    eventually healthy
    converse after-the-full-disk
}

machine_restarts() {
    reboot_there
    eventually healthy
    converse after-the-restart
    deploy 0 --status
}

reboot_there() {
    telegram killing
    there "systemctl reboot" || true
    sleep 5
    local end=$((SECONDS + 2 * PATIENCE))
    until there true 2>/dev/null; do
        ((SECONDS < end)) || { echo "   the machine does not come back" && return 1; }
        sleep 2
    done
    # The way to Telegram leads through this connection.
    forward
}

saved() {
    echo "correct horse" >"$DIR/passphrase"
    program=backup.sh deploy 0 --to="$DIR/backups" --passphrase-file="$DIR/passphrase" --yes
    sed 's/^/   /' "$DIR/said"
    [[ $(stat -c %a "$DIR"/backups/*.age) == 600 ]]
    head -c 21 "$DIR"/backups/*.age | grep -q age-encryption.org/v1
    mv "$DIR"/backups/*.age "$DIR/conversation.age"
}

saved_for_key() {
    age-keygen -o "$DIR/key" 2>/dev/null
    program=backup.sh deploy 0 --to="$DIR/backups" --recipient="$(age-keygen -y "$DIR/key")"
    age -d -i "$DIR/key" "$DIR"/backups/*.age | tar -t >"$DIR/list"
    grep -q workspaces "$DIR/list"
    age -d -i "$DIR/key" "$DIR"/backups/*.age >"$DIR/plain"
    not grep -qaFf "$DIR/token" "$DIR/plain"
}

last_ones() {
    local day
    for day in 1 2 3; do cp "$DIR/conversation.age" "$DIR/backups/kiroclaw-vps-1999010${day}T000000Z.age"; done
    program=backup.sh deploy 0 --to="$DIR/backups" --recipient="$(age-keygen -y "$DIR/key")" --keep=3
    [[ $(find "$DIR/backups" -type f | wc -l) == 3 && -e $DIR/backups/kiroclaw-vps-19990103T000000Z.age && ! -e $DIR/backups/kiroclaw-vps-19990102T000000Z.age ]]
}

nightly() {
    program=backup.sh deploy 0 --nightly="$(age-keygen -y "$DIR/key")"
    sed 's/^/   /' "$DIR/said"
    there "systemctl start kiroclaw-backup.service && systemctl is-active --quiet kiroclaw-backup.timer"
    there "cat /var/lib/kiroclaw/backups/*.age" | age -d -i "$DIR/key" | tar -t >"$DIR/list"
    grep -q workspaces "$DIR/list"
    program=backup.sh deploy 0 --nightly=off
    there "! systemctl is-active --quiet kiroclaw-backup.timer"
}

restored() {
    converse forgotten
    program=backup.sh deploy 0 --restore="$DIR/conversation.age" --passphrase-file="$DIR/passphrase" --yes
    said healthy
    there "! test -e /var/lib/kiroclaw/aside && ! test -e /var/lib/kiroclaw/restore.age && ! test -e /var/lib/kiroclaw-restore.age"
    converse remembered
}

wrong_passphrase() {
    echo "wrong horse" >"$DIR/wrong"
    program=backup.sh deploy 1 --restore="$DIR/conversation.age" --passphrase-file="$DIR/wrong" --yes
    said "nothing was changed"
    healthy
}

uninstalled() {
    deploy 0 --uninstall --yes
    said "kept: /etc/kiroclaw and /var/lib/kiroclaw"
    there "! test -e /etc/systemd/system/kiroclaw.service && ! test -e /usr/local/lib/kiroclaw && test -d /var/lib/kiroclaw/state && ! pgrep -u kiroclaw"
    deploy 0 --yes
    converse returned
}

purged() {
    deploy 0 --uninstall --purge --yes
    there "! test -e /etc/kiroclaw && ! test -e /var/lib/kiroclaw && ! id kiroclaw 2>/dev/null"
    deploy 1 --status
    said "not installed"
}
