//! The frames of an SQLite WAL, as the file format documents them: where the last commit ends.

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Where the last committed frame ends; None: the file has no valid header.
pub fn end_of_commits(wal: &[u8]) -> Option<usize> {
    let word = |bytes: &[u8], at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let magic = word(wal, 0)?;
    if magic & !1 != 0x377f_0682 {
        return None;
    }
    let page = word(wal, 8)? as usize;
    let salts = wal.get(16..24)?;
    let mut sums = sum(magic & 1 == 1, (0, 0), wal.get(..24)?);
    let mut end = HEADER;
    for frame in wal[HEADER..].chunks_exact(FRAME_HEADER + page) {
        sums = sum(magic & 1 == 1, sums, &frame[..8]);
        sums = sum(magic & 1 == 1, sums, &frame[FRAME_HEADER..]);
        // Frames of before the file was last reset have other salts.
        if frame[8..16] != *salts || (word(frame, 16)?, word(frame, 20)?) != sums {
            break;
        }
        let at = frame.as_ptr() as usize - wal.as_ptr() as usize;
        // The database's size after the commit: only the last frame of a commit has one.
        if word(frame, 4)? > 0 {
            end = at + frame.len();
        }
    }
    Some(end)
}

fn sum(big_endian: bool, (mut one, mut two): (u32, u32), bytes: &[u8]) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let word = |at: usize| {
            let four = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
        };
        one = one.wrapping_add(word(0)).wrapping_add(two);
        two = two.wrapping_add(word(4)).wrapping_add(one);
    }
    (one, two)
}

/// A frame that claims to be a commit of this WAL, and breaks off in its page.
pub fn half_a_frame(wal: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; FRAME_HEADER + 2_000];
    frame[3] = 1;
    frame[7] = 200;
    frame[8..16].copy_from_slice(&wal[16..24]);
    frame
}
