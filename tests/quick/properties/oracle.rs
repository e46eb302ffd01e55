//! A reader of main.cf and of tables in Postfix's way (readlline.c, split_nameval, postmap.c), written a second time as
//! an oracle.

/// isspace(3) in the C locale.
fn space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn trim(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && space(*first)
    {
        text = rest;
    }
    while let [rest @ .., last] = text
        && space(*last)
    {
        text = rest;
    }
    text
}

pub fn physical(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Logical lines: their text, and the numbers of the physical lines that they are made of.
fn logical(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<usize>)> {
    let mut found: Vec<(Vec<u8>, Vec<usize>)> = Vec::new();
    for (number, line) in physical(bytes).into_iter().enumerate() {
        let text = trim(line);
        if text.is_empty() || text[0] == b'#' {
            continue;
        }
        if !space(line[0]) || found.is_empty() {
            found.push(Default::default());
        }
        let last = found.last_mut().unwrap();
        last.0.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        last.1.push(number);
    }
    found
}

/// Name or key, value, and physical lines of each entry. `equals`: main.cf, else a table.
pub fn entries(bytes: &[u8], equals: bool) -> Vec<(Vec<u8>, Vec<u8>, Vec<usize>)> {
    let split = |(text, lines): (Vec<u8>, Vec<usize>)| {
        // postmap and postconf end a text at a NUL.
        let text = trim(text.split(|byte| *byte == 0).next().unwrap_or_default());
        let end = text
            .iter()
            .position(|byte| if equals { *byte == b'=' } else { space(*byte) })
            .unwrap_or(text.len());
        let value = text.get(end + usize::from(equals)..);
        value.map(|value| (trim(&text[..end]).to_vec(), trim(value).to_vec(), lines))
    };
    logical(bytes).into_iter().filter_map(split).collect()
}

fn is(key: &[u8], name: &str) -> bool {
    String::from_utf8_lossy(key).to_lowercase() == name.to_lowercase()
}

/// The file without the lines that define `name`.
pub fn without(bytes: &[u8], equals: bool, name: &str) -> Vec<u8> {
    let gone: Vec<usize> = entries(bytes, equals)
        .into_iter()
        .filter(|(key, ..)| if equals { key == name.as_bytes() } else { is(key, name) })
        .flat_map(|(.., lines)| lines)
        .collect();
    let kept = physical(bytes).into_iter().enumerate().filter(|(number, _)| !gone.contains(number));
    kept.flat_map(|(_, line)| line.to_vec()).collect()
}

/// The values of `name`, in the order of the file.
pub fn values(bytes: &[u8], equals: bool, name: &str) -> Vec<String> {
    let fits = |key: &[u8]| if equals { key == name.as_bytes() } else { is(key, name) };
    let all = entries(bytes, equals).into_iter().filter(|(key, ..)| fits(key));
    all.map(|(_, value, _)| String::from_utf8_lossy(&value).into_owned()).collect()
}
