# What Telegram says about the bot, and who writes to it first. The token reaches curl by its standard input alone.
# Sourced; defines functions only.
# shellcheck shell=sh

# A token is digits, a colon, and 30 or more of these: nothing that means something to curl or a shell.
is_token() {
    case $1 in
    *[!0-9A-Za-z_:-]* | *:*:* | :*) return 1 ;;
    esac
    case ${1%%:*} in *[!0-9]*) return 1 ;; esac
    case $1 in *:??????????????????????????????*) return 0 ;; esac
    return 1
}

# https, or plain http to this very machine, by its whole name: whatever else begins like it is somebody else's, and would get the token.
is_api_base() {
    case $1 in *[!A-Za-z0-9:/._%-]*) return 1 ;; esac
    case $1 in https://?*) return 0 ;; http://*) ;; *) return 1 ;; esac
    base_host=${1#http://}
    base_host=${base_host%%[:/]*}
    case $base_host in
    localhost) ;;
    127.*) case $base_host in *[!0-9.]*) return 1 ;; esac ;;
    *) return 1 ;;
    esac
}

# Numeric ids with commas between.
is_ids() {
    case $1 in '' | *[!0-9,]* | ,* | *, | *,,*) return 1 ;; esac
}

# telegram METHOD SECONDS [PARAMETERS]: the answer's lines (json.awk) into the file `$work/answer`. 1: no answer, and why in `trouble`.
# Nothing of what curl says is shown, since it might name the address, and the token is in it.
telegram() {
    printf 'url = "%s/bot%s/%s%s"\n' "$api_base" "$bot_token" "$1" "${3-}" |
        curl --config - --silent --max-time "$2" --proto '=http,https' >"$work/said" 2>/dev/null
    case $? in
    0) ;;
    6) trouble="the name in $api_base is not known here" && return 1 ;;
    7) trouble="nobody answers at $api_base" && return 1 ;;
    28) trouble="$api_base did not answer in time" && return 1 ;;
    35 | 60) trouble="no trusted connection to $api_base" && return 1 ;;
    *) trouble="$api_base could not be asked" && return 1 ;;
    esac
    LC_ALL=C awk -f "$here/lib/json.awk" "$work/said" >"$work/answer" || { trouble="$api_base answered something else than the Bot API does" && return 1; }
    [ "$(said .ok)" = true ] || { trouble="Telegram said: $(said .description)" && return 1; }
}

# said PATH: one value of the last answer.
said() {
    LC_ALL=C awk -F '\t' -v path="$1" '$1 == path { print substr($0, length(path) + 2); exit }' "$work/answer" | clean
}

# Whose token it is, into `bot_name`.
check_token() {
    is_token "$bot_token" || { trouble="that is no bot token: digits, a colon, 30 or more letters and digits" && return 1; }
    telegram getMe 20 || return 1
    bot_name=$(said .result.username)
    [ -n "$bot_name" ]
}

# The next person who writes to the bot and whom nobody here has refused: into `person` and `person_name`. It stays in Telegram's queue,
# so that the bot answers it when it runs. `next` is the update to begin with. 1: nobody, and why in `trouble`.
wait_for_person() {
    rounds=0
    while [ "$rounds" -lt 12 ]; do
        rounds=$((rounds + 1))
        telegram getUpdates 40 "?timeout=25&limit=1&allowed_updates=%5B%22message%22%5D${next:+&offset=$next}" || return 1
        update=$(said .result.0.update_id)
        [ -n "$update" ] || continue
        next=$update
        person=$(said .result.0.message.from.id)
        person_name=$(said .result.0.message.from.first_name)
        name=$(said .result.0.message.from.last_name)
        person_name="$person_name${name:+ $name}"
        name=$(said .result.0.message.from.username)
        person_name="$person_name${name:+ (@$name)}"
        if is_ids "$person" && [ "$(said .result.0.message.chat.type)" = private ]; then return 0; fi
        next=$((next + 1))
    done
    trouble="nobody wrote to it in five minutes"
    return 1
}
