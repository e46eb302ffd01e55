//! The text of a log, compressed or not. The first bytes tell the compression, not the name, and unpacking takes bounded
//! memory whatever the file says.

use std::io::{BufRead, BufReader, Cursor, Error, ErrorKind, Read, Result};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window of a decoder, in bytes; `xz -9` and `zstd --long` need more, and logrotate uses neither.
const WINDOW: u32 = 32 * 1024 * 1024;
/// Bytes read in one go from the file.
const CHUNK: usize = 64 * 1024;
/// Number of first bytes that tell what a file is.
const MAGIC: usize = 8;

/// The compression of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Nothing.
    Plain,
    /// gzip, also several in a row.
    Gzip,
    /// xz, likewise.
    Xz,
    /// Zstandard, likewise.
    Zstd,
    /// Something that relayhost does not unpack: its name, and the command that does.
    Other(&'static str, &'static str),
}

/// The compression that the first bytes tell.
pub fn packing(head: &[u8]) -> Packing {
    const KNOWN: [(&[u8], Packing); 7] = [
        (b"\x1f\x8b", Packing::Gzip),
        (b"\xfd7zXZ\0", Packing::Xz),
        (b"\x28\xb5\x2f\xfd", Packing::Zstd),
        (b"BZh", Packing::Other("compressed with bzip2", "bzip2 -dc")),
        (b"\x04\x22\x4d\x18", Packing::Other("compressed with lz4", "lz4 -dc")),
        (b"PK\x03\x04", Packing::Other("a zip archive", "unzip -p")),
        (b"LPKSHHRH", Packing::Other("a file of the journal", "journalctl -o short-iso --file")),
    ];
    KNOWN.iter().find(|(magic, _)| head.starts_with(magic)).map_or(Packing::Plain, |(_, packing)| *packing)
}

/// Unpacks `input`. Returns its compression and its text.
pub fn unpack<'a>(mut input: impl Read + Send + 'a) -> Result<(Packing, Box<dyn Read + 'a>)> {
    let mut head = Vec::with_capacity(MAGIC);
    input.by_ref().take(MAGIC as u64).read_to_end(&mut head)?;
    let packing = packing(&head);
    let whole = Cursor::new(head).chain(input);
    Ok((
        packing,
        match packing {
            Packing::Plain | Packing::Other(..) => Box::new(whole),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(CHUNK, whole))),
            Packing::Xz => Box::new(XzReader::new_mem_limit(
                BufReader::with_capacity(CHUNK, whole),
                true,
                WINDOW / 1024 + 1024,
            )),
            Packing::Zstd => Box::new(Frames::new(BufReader::with_capacity(CHUNK, whole))),
        },
    ))
}

/// Zstandard frames in a row (RFC 8878 §3.1); ruzstd reads one.
struct Frames<R> {
    input: R,
    decoder: FrameDecoder,
}

impl<R: BufRead> Frames<R> {
    fn new(input: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW.into());
        Self { input, decoder }
    }

    /// Checks the frame that was read, if there was one, and begins the next; false at the end of the file.
    fn begin(&mut self) -> Result<bool> {
        let written = self.decoder.get_checksum_from_data();
        if written.is_some() && written != self.decoder.get_calculated_checksum() {
            return Err(invalid("the checksum does not fit"));
        }
        while !self.input.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.input) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped =
                        std::io::copy(&mut self.input.by_ref().take(length.into()), &mut std::io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(invalid(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        loop {
            while self.decoder.can_collect() < out.len() && !self.decoder.is_finished() {
                let more = BlockDecodingStrategy::UptoBytes(out.len() - self.decoder.can_collect());
                self.decoder.decode_blocks(&mut self.input, more).map_err(invalid)?;
            }
            let count = self.decoder.read(out)?;
            if count > 0 || out.is_empty() || !self.begin()? {
                return Ok(count);
            }
        }
    }
}

fn invalid(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::InvalidData, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKED: [(Packing, &[u8]); 3] = [
        (Packing::Gzip, include_bytes!("../../tests/packed/first.gz")),
        (Packing::Xz, include_bytes!("../../tests/packed/second.xz")),
        (Packing::Zstd, include_bytes!("../../tests/packed/third.zst")),
    ];

    fn read(bytes: &[u8]) -> (Packing, Result<String>) {
        let (packing, mut reader) = unpack(bytes).unwrap();
        let mut all = String::new();
        (packing, reader.read_to_string(&mut all).map(|_| all))
    }

    #[test]
    fn every_packing_is_known_by_its_content_and_may_come_in_a_row() {
        for (packing, bytes) in PACKED {
            let (found, text) = read(bytes);
            let text = text.unwrap();
            assert_eq!(found, packing);
            assert!(text.starts_with("Nov 2") && text.ends_with(")\n"), "{text}");
            assert_eq!(read(&[bytes, bytes].concat()).1.unwrap(), text.repeat(2), "{packing:?}");
        }
        assert_eq!(read(b"Nov 24\n").0, Packing::Plain);
        assert_eq!(read(b"").1.unwrap(), "");
        let bzip2 = read(include_bytes!("../../tests/packed/other.bz2")).0;
        assert_eq!(bzip2, Packing::Other("compressed with bzip2", "bzip2 -dc"));
    }

    #[test]
    fn what_was_cut_or_broken_is_an_error_and_so_is_a_window_that_is_too_large() {
        for (packing, whole) in PACKED {
            assert!(read(&whole[..whole.len() - 5]).1.is_err(), "{packing:?}");
            for at in 12..whole.len() {
                let mut broken = whole.to_vec();
                broken[at] ^= 0x55;
                // An error, or the same text: not every byte matters.
                let text = read(&broken).1.ok();
                assert!(text.is_none() || text == read(whole).1.ok(), "{packing:?}, byte {at}");
            }
        }
        assert!(read(include_bytes!("../../tests/packed/large-window.xz")).1.is_err());
    }
}
