//! The times that agents write: RFC 3339, read leniently.

const DAY: i64 = 86_400;

/// The Unix seconds of a time like `2026-01-31T12:00:00.5+01:00`. A space for the `T`, missing seconds and a missing zone (then UTC) are
/// understood. `None` for what is no time, or is before 1970.
pub(super) fn unix_seconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let (date, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, "00:00"));
    let [year, month, day] = numbers(date, '-')?;
    let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at_checked(at)?;
    let clock = clock.trim_end();
    let whole = clock.split_once('.').map_or(clock, |(whole, _)| whole);
    let [hour, minute, second] = numbers(whole, ':')?;
    let is_real = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        // A leap second.
        && second <= 60;
    let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset(zone)?;
    u64::try_from(seconds).ok().filter(|_| is_real)
}

/// Up to three numbers of at most four digits; missing last ones are 0.
fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let mut all = [0; 3];
    for (number, part) in text.split(between).enumerate() {
        let is_number = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        *all.get_mut(number)? = part.parse().ok().filter(|_| is_number)?;
    }
    Some(all)
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    let (sign, rest) = match zone.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, zone.strip_prefix('+').unwrap_or(zone)),
    };
    let [hours, minutes, _] = match (rest, rest.split_at_checked(2)) {
        ("" | "Z" | "z", _) => [0; 3],
        (_, Some((hours, minutes))) if rest.len() == 4 => numbers(&format!("{hours}:{minutes}"), ':')?,
        _ => numbers(rest, ':')?,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days from 1970-01-01, by the Gregorian calendar whose years begin in March, so that the leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_as_agents_write_them() {
        for (text, wanted) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2025-10-29T14:22:15Z", 1_761_747_735),
            ("2025-10-29T14:22:15.123456Z", 1_761_747_735),
            ("2025-10-29T16:22:15+02:00", 1_761_747_735),
            ("2025-10-29T16:22:15+0200", 1_761_747_735),
            ("2025-10-29T04:52:15-09:30", 1_761_747_735),
            (" 2025-10-29 14:22:15 ", 1_761_747_735),
            ("2025-10-29t14:22z", 1_761_747_720),
            ("2025-10-29", 1_761_696_000),
        ] {
            assert_eq!(unix_seconds(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", "now", "1761747735", "2025-13-01T00:00:00Z", "2025-10-29T25:00:00Z", "1969-12-31T23:59:59Z", "2025-10-29T14:22:15+99:00"]
        {
            assert_eq!(unix_seconds(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".{0,40}", numbers in "[0-9TZ:+.-]{0,40}") {
            let _ = (unix_seconds(&text), unix_seconds(&numbers));
        }

        #[test]
        fn days_follow_each_other(year in 1970_i64..9999, month in 1_i64..=12) {
            let next = if month == 12 { days(year + 1, 1, 1) } else { days(year, month + 1, 1) };
            prop_assert!((28..=31).contains(&(next - days(year, month, 1))));
        }
    }
}
