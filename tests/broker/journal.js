// A file of JSON lines on the disk: what a broker that was killed still knows.
'use strict';
const fs = require('fs');

class Journal {
  constructor(path) {
    this.file = fs.openSync(path, 'a');
  }

  // The line is on the disk when this returns.
  keep(line) {
    fs.writeSync(this.file, `${JSON.stringify(line)}\n`);
    fs.fdatasyncSync(this.file);
  }

  // A kill may have cut the last line; what it would have kept was not accepted. It is removed, so that the next line is
  // whole.
  static read(path) {
    if (!fs.existsSync(path)) return [];
    const text = fs.readFileSync(path, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    if (whole.length < text.length) fs.truncateSync(path, Buffer.byteLength(whole));
    return whole.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  }
}

module.exports = { Journal };
