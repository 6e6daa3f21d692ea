//! Times as JavaScript's `toISOString` writes them: UTC, three decimals, `Z`.

const DAY_MS: i64 = 86_400_000;

/// Appends `unix_ms`, milliseconds since 1970, without quotes. Years outside 0–9999 get a sign and six digits.
pub(super) fn write(unix_ms: i64, out: &mut Vec<u8>) {
    let (year, month, day) = civil(unix_ms.div_euclid(DAY_MS));
    let in_day = unix_ms.rem_euclid(DAY_MS);
    // Filled in and appended once: every reply carries two of these.
    let mut text = *b"0000-00-00T00:00:00.000Z";
    digits(month, &mut text[5..7]);
    digits(day, &mut text[8..10]);
    digits(in_day / 3_600_000, &mut text[11..13]);
    digits(in_day / 60_000 % 60, &mut text[14..16]);
    digits(in_day / 1000 % 60, &mut text[17..19]);
    digits(in_day % 1000, &mut text[20..23]);
    if (0..=9999).contains(&year) {
        digits(year, &mut text[..4]);
        out.extend_from_slice(&text);
    } else {
        let sign = if year < 0 { '-' } else { '+' };
        out.extend_from_slice(format!("{sign}{:06}", year.unsigned_abs()).as_bytes());
        out.extend_from_slice(&text[4..]);
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar carried on both ways.
///
/// Years are counted from March, so that the leap day is the last of its year and months follow one linear rule; 400 years
/// are one era of 146,097 days.
fn civil(day: i64) -> (i64, i64, i64) {
    let from_march_of_year_0 = day + 719_468;
    let era = from_march_of_year_0.div_euclid(146_097);
    let in_era = from_march_of_year_0.rem_euclid(146_097);
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

/// Fills `text` with the last decimal digits of `number`, which is not negative.
fn digits(number: i64, text: &mut [u8]) {
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn iso(unix_ms: i64) -> String {
        let mut out = Vec::new();
        write(unix_ms, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn known_times() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(iso(951_782_400_007), "2000-02-29T00:00:00.007Z");
        assert_eq!(iso(253_402_300_799_999), "9999-12-31T23:59:59.999Z");
        assert_eq!(iso(253_402_300_800_000), "+010000-01-01T00:00:00.000Z");
        assert_eq!(iso(-62_198_755_200_000), "-000001-01-01T00:00:00.000Z");
    }

    #[test]
    fn the_ends_of_time_are_written_too() {
        assert!(iso(i64::MAX).starts_with("+29227") && iso(i64::MIN).starts_with("-29227"));
    }

    proptest! {
        #[test]
        fn jiff_reads_back_what_is_written(ms in -62_135_596_800_000i64..253_402_207_200_000) {
            let text = iso(ms);
            prop_assert_eq!(text.parse::<Timestamp>().unwrap().as_millisecond(), ms);
            prop_assert_eq!(text, format!("{:.3}", Timestamp::from_millisecond(ms).unwrap()));
        }
    }
}
