# Draws `text`, of 53 bytes at most, as a QR code for a terminal: `awk -v text=… -f qr.awk </dev/null`. A link to a bot has 45 at most, so one
# size suffices: ISO/IEC 18004, version 3 (29 modules wide), level L (55 bytes of data, 15 for their repair), mask 0, which any reader takes.
# Ends with 1 for a text that is too long. For POSIX awk in the C locale.

function odd(a, b,    bit, result) {
    result = 0
    for (bit = 1; bit < 256; bit *= 2) if (int(a / bit) % 2 != int(b / bit) % 2) result += bit
    return result
}

# Powers of 2 in the field of 256 elements by the polynomial 0x11D, and their logarithms.
function make_field(    i, power) {
    power = 1
    for (i = 0; i < 255; i++) {
        exponent[i] = power; logarithm[power] = i
        power *= 2
        if (power > 255) power = odd(power - 256, 29)
    }
}

function product(a, b) {
    return a && b ? exponent[(logarithm[a] + logarithm[b]) % 255] : 0
}

# The mode (bytes), the length, the bytes and an end, of four, eight, eight each and four bits; then what fills up.
function make_data(    i, code, size, last) {
    for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i
    size = length(text); last = 4 * 16 + int(size / 16)
    bytes[0] = last; last = size % 16
    for (i = 1; i <= size; i++) { bytes[i] = last * 16 + int(code[substr(text, i, 1)] / 16); last = code[substr(text, i, 1)] % 16 }
    bytes[size + 1] = last * 16
    for (i = size + 2; i < 55; i++) bytes[i] = (i - size) % 2 ? 17 : 236
}

# The rest of the division of the data by the product of (x - 2^0) … (x - 2^14).
function make_repair(    i, j, divisor, rest, factor) {
    divisor[0] = 1
    for (i = 0; i < 15; i++) {
        divisor[i + 1] = 0
        for (j = i + 1; j > 0; j--) divisor[j] = odd(divisor[j], product(divisor[j - 1], exponent[i]))
    }
    for (i = 0; i < 16; i++) rest[i] = 0
    for (i = 0; i < 55; i++) {
        factor = odd(bytes[i], rest[0])
        for (j = 0; j < 15; j++) rest[j] = odd(rest[j + 1], product(divisor[j + 1], factor))
        rest[15] = 0
    }
    for (i = 0; i < 15; i++) bytes[55 + i] = rest[i]
}

# One module that carries no data.
function fix(x, y, dark) {
    if (x >= 0 && y >= 0 && x < 29 && y < 29) { module[x, y] = dark; fixed[x, y] = 1 }
}

function distance(x, y) {
    if (x < 0) x = -x
    if (y < 0) y = -y
    return x > y ? x : y
}

function draw_finder(x, y,    dx, dy, far) {
    for (dx = -4; dx <= 4; dx++) for (dy = -4; dy <= 4; dy++) {
        far = distance(dx, dy)
        fix(x + dx, y + dy, far != 2 && far != 4)
    }
}

function draw_patterns(    i, j) {
    for (i = 0; i < 29; i++) { fix(6, i, i % 2 == 0); fix(i, 6, i % 2 == 0) }
    draw_finder(3, 3); draw_finder(25, 3); draw_finder(3, 25)
    for (i = -2; i <= 2; i++) for (j = -2; j <= 2; j++) fix(22 + i, 22 + j, distance(i, j) != 1)
}

# Level L and mask 0, as the standard's table has them, bit 0 last.
function draw_format(    i, format, bit) {
    format = "111011111000100"
    for (i = 0; i < 15; i++) {
        bit = substr(format, 15 - i, 1) == "1"
        if (i < 6) fix(8, i, bit)
        else if (i < 8) fix(8, i + 1, bit)
        else if (i == 8) fix(7, 8, bit)
        else fix(14 - i, 8, bit)
        if (i < 8) fix(28 - i, 8, bit)
        else fix(8, 14 + i, bit)
    }
    fix(8, 21, 1)
}

# In pairs of columns from the right, up and down by turns, around what is fixed.
function draw_data(    weight, at, right, row, side, x, y, bit) {
    split("64 32 16 8 4 2 1", weight, " "); weight[0] = 128
    at = 0
    for (right = 28; right >= 1; right -= 2) {
        if (right == 6) right = 5
        for (row = 0; row < 29; row++) for (side = 0; side < 2; side++) {
            x = right - side
            y = int((right + 1) / 2) % 2 ? row : 28 - row
            if ((x, y) in fixed) continue
            bit = at < 560 ? int(bytes[int(at / 8)] / weight[at % 8]) % 2 : 0
            at++
            module[x, y] = (x + y) % 2 == 0 ? !bit : bit
        }
    }
}

function dark(x, y) { return ((x, y) in module) && module[x, y] }

# Two rows in a line, black on white whatever the terminal's colours are, with the empty margin that readers want.
function show(    x, y, line) {
    for (y = -4; y < 33; y += 2) {
        line = ""
        for (x = -4; x < 33; x++) line = line (dark(x, y) ? (dark(x, y + 1) ? "█" : "▀") : (dark(x, y + 1) ? "▄" : " "))
        printf "  \033[30;107m%s\033[0m\n", line
    }
}

BEGIN {
    if (length(text) > 53) exit 1
    make_field(); make_data(); make_repair()
    draw_patterns(); draw_format(); draw_data(); show()
}
