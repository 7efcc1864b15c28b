//! The few TDS tokens a server needs to answer with (MS-TDS 2.2.7), written by hand from the specification.

use bytes::{BufMut, BytesMut};

#[derive(Debug, Clone)]
pub enum Cell {
    Int(i64),
    Text(String),
    /// Grosze, as decimal(18,2).
    Amount(u32),
    /// A NULL of datetime2(7).
    NoTime,
    /// Midnight of a day, as datetime2(7): days since the year 1.
    Day(u32),
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// One result set; the first row determines the columns' types.
#[derive(Debug, Clone)]
pub struct Table {
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<Cell>>,
}

pub fn table(columns: &[&'static str], rows: Vec<Vec<Cell>>) -> Table {
    Table { columns: columns.to_vec(), rows }
}

fn utf16(out: &mut BytesMut, text: &str) {
    text.encode_utf16().for_each(|unit| out.put_u16_le(unit));
}

fn b_varchar(out: &mut BytesMut, text: &str) {
    out.put_u8(u8::try_from(text.encode_utf16().count()).unwrap());
    utf16(out, text);
}

fn us_varchar(out: &mut BytesMut, text: &str) {
    out.put_u16_le(u16::try_from(text.encode_utf16().count()).unwrap());
    utf16(out, text);
}

fn token(out: &mut BytesMut, kind: u8, body: &BytesMut) {
    out.put_u8(kind);
    out.put_u16_le(u16::try_from(body.len()).unwrap());
    out.put_slice(body);
}

pub fn results(out: &mut BytesMut, tables: &[Table]) {
    for Table { columns, rows } in tables {
        out.put_u8(0x81);
        out.put_u16_le(u16::try_from(columns.len()).unwrap());
        for (place, name) in columns.iter().enumerate() {
            out.put_u32_le(0);
            out.put_u16_le(1); // may be NULL
            match rows.first().map(|row| &row[place]) {
                Some(Cell::Int(_)) => out.put_slice(&[0x26, 8]),
                Some(Cell::Amount(_)) => out.put_slice(&[0x6C, 9, 18, 2]),
                Some(Cell::NoTime | Cell::Day(_)) => out.put_slice(&[0x2A, 7]),
                Some(Cell::Text(_)) | None => {
                    out.put_u8(0xE7);
                    out.put_u16_le(8000);
                    out.put_slice(&[0x09, 0x04, 0xD0, 0x00, 0x34]);
                }
            }
            b_varchar(out, name);
        }
        for row in rows {
            out.put_u8(0xD1);
            for cell in row {
                match cell {
                    Cell::Int(number) => {
                        out.put_u8(8);
                        out.put_i64_le(*number);
                    }
                    Cell::Text(text) => {
                        out.put_u16_le(u16::try_from(text.encode_utf16().count() * 2).unwrap());
                        utf16(out, text);
                    }
                    Cell::Amount(grosze) => {
                        out.put_slice(&[5, 1]);
                        out.put_u32_le(*grosze);
                    }
                    Cell::NoTime => out.put_u8(0),
                    Cell::Day(days) => {
                        out.put_slice(&[8, 0, 0, 0, 0, 0]);
                        out.put_slice(&days.to_le_bytes()[..3]);
                    }
                }
            }
        }
        done(out, 0xFF, 1);
    }
}

fn done(out: &mut BytesMut, kind: u8, status: u16) {
    out.put_u8(kind);
    out.put_u16_le(status);
    out.put_u16_le(0);
    out.put_u64_le(0);
}

/// Ends an answer to sp_executesql, or to a plain batch.
pub fn end(out: &mut BytesMut, rpc: bool, failed: bool) {
    let status = if failed { 2 } else { 0 };
    if rpc {
        out.put_u8(0x79);
        out.put_i32_le(0);
        done(out, 0xFE, status);
    } else {
        done(out, 0xFD, status);
    }
}

pub fn error(out: &mut BytesMut, number: u32, class: u8, message: &str) {
    let mut body = BytesMut::new();
    body.put_u32_le(number);
    body.put_slice(&[1, class]);
    us_varchar(&mut body, message);
    b_varchar(&mut body, "stand-in");
    b_varchar(&mut body, "");
    body.put_u32_le(7);
    token(out, 0xAA, &body);
}

pub fn login_ack(out: &mut BytesMut) {
    let mut body = BytesMut::new();
    body.put_u8(1);
    body.put_u32(0x7400_0004);
    b_varchar(&mut body, "Stand-in");
    body.put_u32_le(0);
    token(out, 0xAD, &body);
}

/// Redirects to the node that has the database.
pub fn sent_on(out: &mut BytesMut, host: &str, port: u16) {
    let mut place = BytesMut::new();
    place.put_u8(0);
    place.put_u16_le(port);
    us_varchar(&mut place, host);
    let mut body = BytesMut::new();
    body.put_u8(20);
    body.put_u16_le(u16::try_from(place.len()).unwrap());
    body.put_slice(&place);
    body.put_u16_le(0);
    token(out, 0xE3, &body);
}

/// `encryption` 2: the server has none. The fed-auth option is answered as Azure SQL does.
pub fn prelogin(encryption: u8) -> BytesMut {
    let mut out = BytesMut::new();
    let options: [(u8, &[u8]); 3] = [(0, &[16, 0, 0, 0, 0, 0]), (1, &[encryption]), (6, &[1])];
    let mut offset = options.len() * 5 + 1;
    for (kind, value) in options {
        out.put_u8(kind);
        out.put_u16(u16::try_from(offset).unwrap());
        out.put_u16(u16::try_from(value.len()).unwrap());
        offset += value.len();
    }
    out.put_u8(0xFF);
    for (_, value) in options {
        out.put_slice(value);
    }
    out
}
