# The three questions: the token, who may use the bot, which agent. What is known already is not asked. Sourced; defines functions only.
# shellcheck shell=sh

# The token of the bot, into `bot_token`, and its name into `bot_name`. Without one the server's own is kept.
ask_token() {
    if [ -n "$bot_token" ]; then
        check_token || die "the token is of no use: $trouble"
        return
    fi
    [ "$(fact token)" != yes ] || return 0
    [ -z "$yes" ] || die "there is no token: give --token-file=FILE, or BOT_TOKEN in the environment or in --config"
    say "" "1. The bot. In Telegram, write /newbot to @BotFather, choose a name, and copy the token that it gives you."
    say "   Under Bot Settings, Threads Settings you can also turn Threaded Mode on: each topic is a conversation then."
    until ask_secret "   The token" && bot_token=$answer && check_token; do
        say "   That did not work: ${trouble-}"
    done
    say "   It is @$bot_name."
}

# Who may use it, into `allowed`.
ask_people() {
    allowed=$(wanted ALLOWED_TELEGRAM_IDS)
    if [ -n "$allowed" ]; then
        allowed=$(printf '%s' "$allowed" | tr -d ' ')
        is_ids "$allowed" || die "ALLOWED_TELEGRAM_IDS: numeric ids with commas between"
        return
    fi
    [ "$(fact settings)" != yes ] || return 0
    [ -z "$yes" ] || die "nobody may use the bot: give ALLOWED_TELEGRAM_IDS in the environment or in --config"
    say "" "2. Who may use it? Strangers get silence."
    if [ -n "${bot_name-}" ] && agrees "   Shall I wait for your first message, to see your id"; then
        say "   Write anything to @$bot_name: https://t.me/$bot_name"
        wait_for_owner
    fi
    until is_ids "$allowed"; do
        ask "   Numeric ids of the people, with commas between (@userinfobot tells one)"
        allowed=$(printf '%s' "$answer" | tr -d ' ')
    done
}

wait_for_owner() {
    next=
    while wait_for_person; do
        if agrees "   Is this you: id $person, who goes by the name \"$person_name\""; then
            allowed=$person
            return
        fi
        next=$((next + 1))
    done
    say "   That did not work: $trouble"
}

# Which agent, into `agent_command`, and the key of kiro-cli into `api_key`.
ask_agent() {
    agent_command=$(wanted AGENT_COMMAND)
    { [ -z "$agent_command" ] && [ "$(fact settings)" != yes ] && [ -z "$yes" ]; } || return 0
    say "" "3. Which agent?"
    say "   1  kiro-cli, with a login of yours or a key (default)"
    say "   2  the built-in demo, which has no model: to see that everything works"
    say "   3  another one that speaks the Agent Client Protocol"
    while :; do
        ask "   Which" 1
        case $answer in
        1) ask_kiro && return ;;
        2) # It is what answers where there is no kiro-cli.
            [ -z "$(fact kiro)" ] || agent_command="kiroclaw agent --provider demo"
            return
            ;;
        3) ask "   Its command, as on the server" && agent_command=$answer && [ -n "$agent_command" ] && return ;;
        esac
    done
}

ask_kiro() {
    [ -z "$api_key" ] || return 0
    ask_secret "   A key of kiro-cli (KIRO_API_KEY), or nothing to log in afterwards"
    api_key=$answer
    [ -n "$api_key" ] || log_in=yes
}

# wanted NAME: a setting from the environment of this script, else from --config.
wanted() {
    eval "value=\${$1-}"
    if [ -n "$value" ]; then printf '%s' "$value"; else printf '%s\n' "$given_settings" | setting "$1"; fi
}

# The settings as they are to stand in /etc/kiroclaw/.env: what the environment says goes before what --config says.
settings_text() {
    echo "# Written by deploy.sh; the README has the table of all settings. Secrets lie in secrets/."
    echo "STATE_DIR=/var/lib/kiroclaw/state"
    echo "WORKSPACE_BASE_PATH=/var/lib/kiroclaw/workspaces"
    echo "ALLOWED_TELEGRAM_IDS=$allowed"
    [ -z "$agent_command" ] || setting_line AGENT_COMMAND "$agent_command"
    said=" ALLOWED_TELEGRAM_IDS AGENT_COMMAND "
    for name in $SETTINGS; do
        case $said in *" $name "*) continue ;; esac
        eval "value=\${$name-}"
        [ -n "$value" ] || continue
        setting_line "$name" "$value"
        said="$said$name "
    done
    printf '%s\n' "$given_settings" | plain_settings | while IFS= read -r line; do
        case $said in *" ${line%%=*} "*) ;; *) printf '%s\n' "$line" ;; esac
    done
}

# setting_line NAME VALUE: with quotes where kiroclaw would otherwise take a part of it for a comment.
setting_line() {
    case $2 in
    *"'"*) printf '%s=%s\n' "$1" "$2" ;;
    *) printf "%s='%s'\n" "$1" "$2" ;;
    esac
}
