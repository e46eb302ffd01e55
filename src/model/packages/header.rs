//! Checks the headers of an RPM package file (rpm: docs/manual/format_header.md) before the `rpm` crate reads them.
//! That crate trusts the sizes and offsets in them, so that a damaged file would make it read outside of the bytes, or
//! request more memory than there is.

/// Size of the lead, in bytes; all that it contains is in the headers too.
pub const LEAD: usize = 96;
/// Size of a header's intro, in bytes: magic and two counts.
pub const INTRO: usize = 16;
/// Size of an index entry, in bytes.
const ENTRY: usize = 16;
/// Largest number of entries in a header, and of bytes in its data, the same as in rpm 4.11 (hdrchkTags and hdrchkData
/// in lib/header_internal.h).
const LIMITS: (usize, usize) = (0xffff, 0x00ff_ffff);

/// Size of the rest of a header after its intro, in bytes; `None` if `intro` is no intro or its counts are too large.
pub fn rest(intro: &[u8]) -> Option<usize> {
    let (entries, data) = counts(intro)?;
    Some(entries * ENTRY + data)
}

/// The numbers of entries and of bytes of data.
fn counts(intro: &[u8]) -> Option<(usize, usize)> {
    let (entries, data) = (number(intro, 8)?, number(intro, 12)?);
    let sound = intro.starts_with(b"\x8e\xad\xe8\x01") && entries <= LIMITS.0 && data <= LIMITS.1;
    sound.then_some((entries, data))
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let number = bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)?;
    usize::try_from(number).ok()
}

/// Whether every entry in the index of a header points into its data, and no byte there belongs to two entries: so the
/// values are not larger than the header. `header` is the intro and the rest.
pub fn is_sound(header: &[u8]) -> bool {
    check(header).is_some()
}

fn check(header: &[u8]) -> Option<()> {
    let (entries, size) = counts(header)?;
    let index = header.get(INTRO..INTRO + entries * ENTRY)?;
    let data = header.get(INTRO + entries * ENTRY..)?;
    if data.len() != size {
        return None;
    }
    let mut used = 0;
    for entry in index.chunks_exact(ENTRY) {
        let place = data.get(number(entry, 8)?..)?;
        let count = number(entry, 12)?;
        // The types of lib/rpmtag.h: char, int8, binary; int16; int32; int64; string; two kinds of lists of strings.
        let length = match number(entry, 4)? {
            0 => 0,
            1 | 2 | 7 => count,
            3 => count.checked_mul(2)?,
            4 => count.checked_mul(4)?,
            5 => count.checked_mul(8)?,
            6 => strings(place, 1)?,
            8 | 9 => strings(place, count)?,
            _ => return None,
        };
        used += place.get(..length)?.len();
        if used > size {
            return None;
        }
    }
    Some(())
}

/// The length of `count` strings, each with the zero byte that ends it.
fn strings(bytes: &[u8], count: usize) -> Option<usize> {
    let mut length = 0;
    for _ in 0..count {
        let rest = bytes.get(length..)?;
        length += rest.iter().position(|byte| *byte == 0)? + 1;
    }
    Some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(entries: &[(u32, u32, u32)], data: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x8e\xad\xe8\x01\0\0\0\0".to_vec();
        bytes.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        for (kind, offset, count) in entries {
            for word in [1000, *kind, *offset, *count] {
                bytes.extend(word.to_be_bytes());
            }
        }
        bytes.extend(data);
        bytes
    }

    #[test]
    fn honest_headers_are_sound() {
        assert!(is_sound(&header(&[], b"")));
        assert!(is_sound(&header(&[(6, 0, 1), (8, 2, 2), (4, 6, 1), (7, 10, 2)], b"a\0b\0c\0\0\0\0\x01xy")));
        assert_eq!(rest(&header(&[(6, 0, 1)], b"a\0")), Some(18));
    }

    #[test]
    fn what_points_outside_lies_over_another_or_has_no_end_is_not() {
        for (entries, data) in [
            (vec![(6, 2, 1)], &b"a\0"[..]),
            (vec![(6, 0, 1)], b"ab"),
            (vec![(8, 0, 3)], b"a\0b\0"),
            (vec![(7, 0, 3)], b"ab"),
            (vec![(4, 0, 0x4000_0001)], b"abcd"),
            (vec![(7, 0xffff_fff0, 1)], b"abcd"),
            (vec![(7, 0, 4), (7, 0, 1)], b"abcd"),
            (vec![(10, 0, 1)], b"abcd"),
        ] {
            assert!(!is_sound(&header(&entries, data)), "{entries:?}");
        }
        assert!(!is_sound(&header(&[(6, 0, 1)], b"a\0")[..33]));
        assert!(!is_sound(b"\x8e\xad\xe8\x01"));
    }

    #[test]
    fn sizes_that_no_package_has_are_not_read() {
        let mut intro = header(&[], b"");
        intro[8..12].copy_from_slice(&[0, 1, 0, 0]);
        assert_eq!(rest(&intro), None);
        intro[8..16].copy_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(rest(&intro), None);
        assert_eq!(rest(b"<html>"), None);
    }
}
