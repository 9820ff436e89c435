# Flattens a JSON value into lines `.key.0.key<TAB>value`: strings without their quotes, their escapes decoded into UTF-8 (control characters
# into spaces), everything else as it stands. Numbers in a path count from 0. For POSIX awk in the C locale, since a server may have no jq.
# Ends with 1 for what is no JSON. An unpaired surrogate becomes `?`.

function fail() { bad = 1; exit 1 }

function skip() { while (substr(text, at, 1) ~ /[ \t\r\n]/) at++ }

# One code point as UTF-8.
function utf8(code) {
    if (code < 32) return " "
    if (code < 128) return sprintf("%c", code)
    if (code < 2048) return sprintf("%c%c", 192 + int(code / 64), 128 + code % 64)
    if (code < 65536) return sprintf("%c%c%c", 224 + int(code / 4096), 128 + int(code / 64) % 64, 128 + code % 64)
    return sprintf("%c%c%c%c", 240 + int(code / 262144), 128 + int(code / 4096) % 64, 128 + int(code / 64) % 64, 128 + code % 64)
}

# Four hexadecimal digits at `from`.
function hex(from,    digit, value, i) {
    value = 0
    for (i = 0; i < 4; i++) {
        digit = index("0123456789abcdef", tolower(substr(text, from + i, 1)))
        if (!digit) fail()
        value = value * 16 + digit - 1
    }
    return value
}

# After `\u`: one code point, of which characters beyond the first plane have two halves.
function unicode(    high, low) {
    high = hex(at); at += 4
    if (high < 55296 || high > 57343) return utf8(high)
    if (high > 56319 || substr(text, at, 2) != "\\u") return "?"
    low = hex(at + 2)
    if (low < 56320 || low > 57343) return "?"
    at += 6
    return utf8(65536 + (high - 55296) * 1024 + low - 56320)
}

function string(    result, c) {
    at++
    result = ""
    while (at <= size) {
        c = substr(text, at++, 1)
        if (c == "\"") return result
        if (c != "\\") { result = result (c ~ /[[:cntrl:]]/ ? " " : c); continue }
        c = substr(text, at++, 1)
        if (c == "u") result = result unicode()
        else if (c ~ /[bfnrt]/) result = result " "
        else if (c ~ /["\\\/]/) result = result c
        else fail()
    }
    fail()
}

function members(path,    key) {
    at++; skip()
    if (substr(text, at, 1) == "}") { at++; return }
    while (1) {
        skip()
        if (substr(text, at, 1) != "\"") fail()
        key = string(); skip()
        if (substr(text, at++, 1) != ":") fail()
        value(path "." key); skip()
        if (substr(text, at, 1) == "}") { at++; return }
        if (substr(text, at++, 1) != ",") fail()
    }
}

function elements(path,    count) {
    at++; skip()
    if (substr(text, at, 1) == "]") { at++; return }
    for (count = 0; ; count++) {
        value(path "." count); skip()
        if (substr(text, at, 1) == "]") { at++; return }
        if (substr(text, at++, 1) != ",") fail()
    }
}

# What stands at `at`. Bounded in depth, since awk's stack is.
function value(path,    c, rest) {
    if (++depth > 64) fail()
    skip()
    c = substr(text, at, 1)
    if (c == "{") members(path)
    else if (c == "[") elements(path)
    else if (c == "\"") printf "%s\t%s\n", path, string()
    else {
        # A literal is short: the whole rest need not be looked at.
        rest = substr(text, at, 40)
        if (!match(rest, /^(true|false|null|-?[0-9][0-9.eE+-]*)/)) fail()
        printf "%s\t%s\n", path, substr(rest, 1, RLENGTH)
        at += RLENGTH
    }
    depth--
}

{ text = text $0 "\n" }

END {
    if (bad) exit 1
    size = length(text); at = 1
    value(""); skip()
    if (at <= size) exit 1
}
