# shellcheck shell=bash
# shellcheck disable=SC2154 # tests/machine/service sets what stands in capitals
# A day's worth of turns in one run, sourced by tests/machine/service: does what the service uses stay what it was?

readonly PEOPLE=(1001 1002 1003 1004 1005)
# Two at a time have some turns, then the next two: whoever comes finds the runtimes taken by others, who go.
readonly RUNTIMES=2 BURST=5
# So many updates are remembered (SEEN in src/store/inbox.rs). Until then memory grows with what is stored: measured natively, by 1.5 MB, and by
# nothing in the 12,000 turns that followed.
readonly REMEMBERED=4096
readonly FIRST=100 EACH=250 ROUNDS=4
# Of the first median, in percent: twice what one and the same state was seen to vary by, since allocators keep pages for what comes next. A leak
# of 1 kB a turn is more.
readonly MOST_GROWTH=10
readonly SAMPLES=5

# day: turns of several people, with agents that come and go, and files both ways.
day() {
    local all from=$FIRST round
    printf -v all '%s,' "${PEOPLE[@]}"
    there "sed -i /^ALLOWED_/d /etc/kiroclaw/.env && printf '%s\n' ALLOWED_TELEGRAM_IDS=${all%,} MAX_PROCESSES=$RUNTIMES MAX_PROCESSES_PER_USER=1 \
        IDLE_TIMEOUT_SECONDS=1 >>/etc/kiroclaw/.env && systemctl restart kiroclaw"
    eventually healthy && head -c 100000 /dev/urandom >"$DIR/file" && filled && turns 0 "$FIRST" && usage "$FIRST" >"$DIR/first" || return 1
    cat "$DIR/first"
    for ((round = 0; round < ROUNDS; round++, from += EACH)); do
        turns "$from" "$EACH" && usage $((from + EACH)) >"$DIR/last" || return 1
        cat "$DIR/last"
    done
    printf '   %s agents were started\n' "$(there "journalctl -q -u kiroclaw -o cat --no-pager" | grep -c '"message":"runtime starts"')"
    awk -v most="$MOST_GROWTH" 'NR == 1 { split($0, first); next } { exit !($3 <= first[3] * (1 + most / 100) && $5 <= first[5] && $7 <= first[7]) }' \
        "$DIR/first" "$DIR/last"
}

# What is bounded is full: by commands, which take no agent.
filled() {
    local person all=()
    for person in "${PEOPLE[@]}"; do
        commands_of "$person" $((REMEMBERED / ${#PEOPLE[@]} + 1)) &
        all+=($!)
    done
    ended "${all[@]}"
}

commands_of() {
    local number
    for ((number = 0; number < $2; number++)); do asks "has said nothing" say "$1" /usage || return 1; done
}

# turns FROM COUNT: the people's next ones.
turns() {
    local at first
    for ((at = $1; at < $1 + $2; at += BURST * ${#PEOPLE[@]})); do
        for ((first = 0; first < ${#PEOPLE[@]}; first += RUNTIMES)); do
            at_once $((at / ${#PEOPLE[@]})) "${PEOPLE[@]:first:RUNTIMES}" || return 1
        done
    done
}

# at_once FROM PERSON…
at_once() {
    local person all=()
    for person in "${@:2}"; do
        turns_of "$person" "$1" "$BURST" &
        all+=($!)
    done
    ended "${all[@]}"
}

# ended PID…: all of them, well.
ended() {
    local one well=yes
    for one in "$@"; do wait "$one" || well=; done
    [[ -n $well ]]
}

# turns_of PERSON FROM COUNT: words, a file that comes, a tool, a file that goes.
turns_of() {
    local person=$1 number
    for ((number = $2; number < $2 + $3; number++)); do
        case $((number % 10)) in
        3) asks "turn $number is" file "$person" "$DIR/file" "say turn $number is here" ;;
        5) asks "into notes-$number.txt" say "$person" "write notes-$number.txt what was said before turn $number" ;;
        8) asks "from the demo agent" say "$person" "send notes-$((number - 3)).txt" ;;
        *) asks "turn $number is" say "$person" "say turn $number is here" ;;
        esac || return 1
    done
}

# asks ANSWER WHAT PERSON WORDS…: and has the answer.
asks() {
    telegram "${@:2}" >/dev/null && telegram wait "$3" "$1" "$PATIENCE" >/dev/null
}

one_agent() { [[ $(there "ls -d $GROUP/runtime-* | wc -l") == 1 ]]; }

# usage TURNS: memory (PSS, proc_pid_smaps(5)), descriptors and threads of all processes of the service, once it rests with the one agent that
# it keeps. The median and the least of some samples, since what is open for a moment is no growth.
usage() {
    eventually one_agent || return 1
    # shellcheck disable=SC2016 # for the shell there
    there 'for sample in $(seq '"$SAMPLES"'); do
        for pid in $(cat '"$GROUP"'/cgroup.procs '"$GROUP"'/*/cgroup.procs); do
            echo $sample $(tr "\0" " " </proc/$pid/cmdline | cut -d " " -f 2) $(sed -n "s/^Pss: *//p" /proc/$pid/smaps_rollup | cut -d " " -f 1) \
                $(ls /proc/$pid/fd | wc -l) $(ls /proc/$pid/task | wc -l)
        done
        sleep 1
    done' >"$DIR/samples"
    awk -v turns="$1" '
        NF == 5 { memory[$1] += $3; files[$1] += $4; threads[$1] += $5; of[$2] += $3 }
        function least(all, at, found) { for (at in all) if (found == "" || all[at] < found) found = all[at]; return found }
        END {
            for (at in memory) for (other in memory) if (memory[other] < memory[at] || memory[other] == memory[at] && other < at) rank[at]++
            for (at in memory) { count++; if (rank[at] + 0 == int(length(memory) / 2)) median = memory[at] }
            printf "   %5d turns: %d kB, %d descriptors, %d threads (kB:", turns, median, least(files), least(threads)
            for (role in of) printf " %s %d", role, of[role] / count
            print ")"
        }' "$DIR/samples"
}
