# Words to the person at the terminal, and questions to them. Sourced; defines functions only.
# shellcheck shell=sh

# say LINE…
say() {
    printf '%s\n' "$@"
}

# note TEXT…: beside the answer that is being made, not part of it.
note() {
    printf '%s\n' "$*" >&2
}

# die TEXT…: what, where, and how to mend it.
die() {
    note "deploy: $*"
    exit 1
}

# usage_error TEXT…: the command line itself is wrong (64, as `kiroclaw` has it for bad configuration).
usage_error() {
    note "deploy: $*"
    note "deploy: --help lists what there is"
    exit 64
}

# ask QUESTION [DEFAULT]: one line, into `answer`.
ask() {
    if [ -n "${2-}" ]; then printf '%s [%s]: ' "$1" "$2"; else printf '%s: ' "$1"; fi
    IFS= read -r answer || die "there was no answer to: $1 (for a run without questions: --yes)"
    answer=$(printf '%s' "$answer" | trim)
    [ -n "$answer" ] || answer=${2-}
}

# ask_secret QUESTION: the same, not shown on the screen. `forget_terminal` mends the screen if we are killed meanwhile.
ask_secret() {
    if [ -t 0 ]; then
        terminal=$(stty -g)
        stty -echo
        ask "$1"
        forget_terminal
        printf '\n'
    else
        ask "$1"
    fi
}

forget_terminal() {
    [ -z "${terminal-}" ] || stty "$terminal"
    terminal=
}

# agrees QUESTION [y|n]: yes or no, and what an empty line means.
agrees() {
    default=${2-y}
    while :; do
        ask "$1 (y/n)" "$default"
        case $answer in
        [yY] | [yY][eE][sS]) return 0 ;;
        [nN] | [nN][oO]) return 1 ;;
        esac
    done
}

# Standard input without spaces around it, and without a carriage return that a pasted line may end in.
trim() {
    tr -d '\r' | sed 's/^[[:space:]]*//; s/[[:space:]]*$//'
}

# Text from outside, fit for a terminal: without control characters, and without the marks that turn the direction of text
# (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) in UTF-8.
clean() {
    LC_ALL=C tr -d '\000-\011\013-\037\177' | LC_ALL=C awk '{
        gsub(/\330\234|\342\200[\216\217\252-\256]|\342\201[\246-\251]|\302[\200-\237]/, ""); print
    }'
}

# telling COMMAND…: runs it, and shows what it says as it comes, a line at a time, fit for this terminal. Its exit code is ours.
telling() {
    echo 1 >"$work/code"
    {
        code=0
        "$@" 2>&1 || code=$?
        echo "$code" >"$work/code"
    } | while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line" | clean; done
    return "$(cat "$work/code")"
}

# As much as is taken of what a server says at once, in bytes: a log of a hundred thousand lines.
readonly MOST_SAID=16777216

# bounded COMMAND…: runs it, and lets no more through than that, of each of its outputs; what says more is ended. Its exit code is ours.
bounded() {
    echo 1 >"$work/code"
    {
        {
            code=0
            "$@" || code=$?
            echo "$code" >"$work/code"
        } 2>&1 >&3 3>&- | head -c $MOST_SAID >&2
    } 3>&1 | head -c $MOST_SAID
    return "$(cat "$work/code")"
}

# told COMMAND…: the same, when it has said all of it.
told() {
    code=0
    bounded "$@" >"$work/told" 2>&1 || code=$?
    clean <"$work/told"
    return "$code"
}
